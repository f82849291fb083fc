package org.rekindle.guest.criu;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A file of CRIU's is damaged, or holds something that Rekindle cannot serve: names the file, the
 * offset, what was expected and what was found.
 */
public final class CriuImageException extends IOException {
  private static final long serialVersionUID = 1L;

  CriuImageException(Path file, long offset, String problem) {
    super(file + ", offset " + offset + ": " + problem);
  }

  CriuImageException(Path file, String problem) {
    super(file + ": " + problem);
  }
}
