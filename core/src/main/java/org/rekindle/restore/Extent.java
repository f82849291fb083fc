package org.rekindle.restore;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.PageStore;

/** Neighbouring blocks as they were read in one go; a buffer that is allocated once and reused. */
final class Extent {
  final MemorySegment staging;
  @Nullable PageStore store;

  /**
   * Entries of the fetch sequence that it holds: from {@code first} up to but not including {@code
   * next}.
   */
  int first;

  int next;

  /**
   * Offset in the file of the first byte of {@link #staging}; {@link #NOT_READ} if other restores
   * had the blocks.
   */
  long begin;

  static final long NOT_READ = -1;

  Extent(MemorySegment staging) {
    this.staging = staging;
  }

  PageStore store() {
    if (store == null) {
      throw new IllegalStateException("an empty extent has no store");
    }
    return store;
  }
}
