package org.rekindle.image;

import java.io.IOException;

/**
 * An image is damaged, or is not an image: names the file, the offset, what was expected and what
 * was found.
 */
public final class CorruptImageException extends IOException {
  private static final long serialVersionUID = 1L;

  public CorruptImageException(String message) {
    super(message);
  }

  public CorruptImageException(String message, Throwable cause) {
    super(message, cause);
  }
}
