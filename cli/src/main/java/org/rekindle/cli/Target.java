package org.rekindle.cli;

import java.util.Arrays;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/**
 * One way to reach the machines that an image is restored into: its own options on the command
 * line, as a picocli mixin, and its part of the work. What is the same for all of them is in the
 * {@link Job}.
 */
interface Target {
  /** What a user writes to choose it, such as {@code --qmp SOCKET}. */
  String synopsis();

  /** Whether the command line chose it. */
  boolean chosen();

  /** Does the job on all machines that it reaches, and publishes what came of it. */
  void carryOut(Job job, Cleanup cleanup) throws Exception;

  /**
   * The one that was chosen.
   *
   * @throws ParameterException if there is none, or more than one
   */
  static Target chosen(CommandLine command, Target... targets) {
    List<Target> chosen = Arrays.stream(targets).filter(Target::chosen).toList();
    if (chosen.size() == 1) {
      return chosen.getFirst();
    }
    List<Target> named = chosen.isEmpty() ? Arrays.asList(targets) : chosen;
    String names = String.join(" or ", named.stream().map(Target::synopsis).toList());
    throw new ParameterException(
        command,
        chosen.isEmpty()
            ? "say where the machine is to be restored: give " + names
            : "give either " + names + ", not both");
  }
}
