package org.rekindle.image;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * An image is damaged, or is not an image: names the file, the offset, what was expected and what
 * was found.
 */
public final class CorruptImageException extends IOException {
  private static final long serialVersionUID = 1L;

  public CorruptImageException(String message) {
    super(message);
  }

  public CorruptImageException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
