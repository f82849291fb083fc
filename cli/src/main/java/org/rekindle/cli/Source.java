package org.rekindle.cli;

import java.nio.file.Path;
import org.rekindle.image.ImageWriter;

/** One way in which an image comes about, and its part of the work. */
interface Source extends Choice {
  /**
   * Makes an image.
   *
   * @param image the directory to make; it does not exist yet
   * @param command for progress, and for what is to be said on the way
   * @return what came of it
   */
  Operation.Result make(Path image, ImageWriter.Options layout, Operation command, Cleanup cleanup)
      throws Exception;
}
