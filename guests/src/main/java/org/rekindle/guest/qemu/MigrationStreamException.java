package org.rekindle.guest.qemu;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * A migration stream is damaged, or holds something that Rekindle cannot serve: names the stream,
 * the offset, what was expected and what was found.
 */
public final class MigrationStreamException extends IOException {
  private static final long serialVersionUID = 1L;

  private final long offset;

  /**
   * @param source the file or the peer that the stream comes from
   * @param offset where in it, in bytes
   */
  MigrationStreamException(String source, long offset, String problem, @Nullable Throwable cause) {
    super(source + ", offset " + offset + ": " + problem, cause);
    this.offset = offset;
  }

  MigrationStreamException(String source, long offset, String problem) {
    this(source, offset, problem, null);
  }

  /** Where in the file or stream, in bytes. */
  public long offset() {
    return offset;
  }
}
