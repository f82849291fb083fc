package org.rekindle.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.rekindle.image.Image;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/**
 * One way to reach the machines that an image is restored into, and its part of the work. What is
 * the same for all of them is in the {@link Job}.
 */
interface Target extends Choice {
  /**
   * Begins with what needs no image: a VMM that comes up by itself meanwhile.
   *
   * @param command that this is a part of
   */
  default void begin(Operation command, Cleanup cleanup) throws IOException, InterruptedException {}

  /** Begins, and opens the image meanwhile. */
  default Image open(Path image, Operation command, Cleanup cleanup)
      throws IOException, InterruptedException {
    Image.requireThere(image); // the commonest mistake: then nothing is started
    begin(command, cleanup);
    command.milestones().reached("begun");
    Image opened = cleanup.own(Image.open(image));
    command.milestones().reached("image opened");
    return opened;
  }

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
