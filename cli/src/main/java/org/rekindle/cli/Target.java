package org.rekindle.cli;

import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/**
 * One way to reach the machines that an image is restored into, and its part of the work. What is
 * the same for all of them is in the {@link Job}.
 */
interface Target extends Choice {
  /** Does the job on all machines that it reaches, and publishes what came of it. */
  void carryOut(Job job, Cleanup cleanup) throws Exception;

  /**
   * The one that was chosen.
   *
   * @throws ParameterException if there is none, or more than one
   */
  static Target chosen(CommandLine command, Target... targets) {
    return Choice.of(command, "say where the machine is to be restored", List.of(targets));
  }
}
