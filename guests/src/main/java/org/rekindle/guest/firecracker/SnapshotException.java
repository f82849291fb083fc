package org.rekindle.guest.firecracker;

import java.io.IOException;
import java.nio.file.Path;

/** A file of a snapshot is damaged, or is not what it was given as. */
public final class SnapshotException extends IOException {
  private static final long serialVersionUID = 1L;

  private final long offset;

  SnapshotException(Path file, long offset, String what) {
    super("%s, offset %d: %s".formatted(file, offset, what));
    this.offset = offset;
  }

  /** Where in the file. */
  public long offset() {
    return offset;
  }
}
