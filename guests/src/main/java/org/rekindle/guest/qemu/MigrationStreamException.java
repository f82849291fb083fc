package org.rekindle.guest.qemu;

import java.io.IOException;

/**
 * A migration stream is damaged, or holds something that Rekindle cannot serve: names the stream,
 * the offset, what was expected and what was found.
 */
public final class MigrationStreamException extends IOException {
  private static final long serialVersionUID = 1L;

  private final long offset;

  /**
   * @param source the file or the peer that the stream comes from
   * @param offset where in the stream, in bytes
   */
  MigrationStreamException(String source, long offset, String problem) {
    super(source + ", offset " + offset + ": " + problem);
    this.offset = offset;
  }

  MigrationStreamException(String source, long offset, String problem, Throwable cause) {
    super(source + ", offset " + offset + ": " + problem, cause);
    this.offset = offset;
  }

  /** Where in the stream, in bytes from its start. */
  public long offset() {
    return offset;
  }
}
