package org.rekindle.restore;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.PageStore;

/** Neighbouring blocks as they were read in one go; a buffer that is allocated once and reused. */
final class Extent {
  final MemorySegment staging;
  @Nullable PageStore store;

  /** Entries of the fetch sequence that it holds, or will: for any thread. */
  private volatile long firstAndNext;

  /**
   * Offset in the file of the first byte of {@link #staging}; {@link #NOT_READ} if other restores
   * had the blocks.
   */
  long begin;

  static final long NOT_READ = -1;

  /** What {@link ReadOrder} wants to know when it has been read. */
  boolean followsMiss;

  int missesBefore;

  /** Whether {@link #staging} has it all, or needs nothing. */
  volatile boolean isRead;

  Extent(MemorySegment staging) {
    this.staging = staging;
  }

  /** It is to hold entries from {@code first} to before {@code next}. */
  void holds(int first, int next) {
    firstAndNext = (long) first << Integer.SIZE | next;
  }

  void empty() {
    holds(0, 0);
    store = null;
  }

  int first() {
    return (int) (firstAndNext >>> Integer.SIZE);
  }

  /** The entry after the last one that it holds. */
  int next() {
    return (int) firstAndNext;
  }

  PageStore store() {
    if (store == null) {
      throw new IllegalStateException("an empty extent has no store");
    }
    return store;
  }
}
