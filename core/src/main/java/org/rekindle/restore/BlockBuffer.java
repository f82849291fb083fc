package org.rekindle.restore;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.PageStore;

/**
 * A decoded block on its way from a reader thread to the pager, in memory that is allocated once
 * and reused.
 */
final class BlockBuffer {
  final MemorySegment raw;
  @Nullable PageStore store;
  int block;

  /** Where in the stream it came from; -1 for a block read on demand. */
  int sequenceIndex;

  /** How many of its pages the pager has looked at. */
  int next;

  BlockBuffer(MemorySegment raw) {
    this.raw = raw;
  }

  PageStore store() {
    if (store == null) {
      throw new IllegalStateException("an empty buffer has no store");
    }
    return store;
  }

  @SuppressWarnings("ReferenceEquality") // a store is an identity, not a value
  boolean holds(PageStore candidate, int candidateBlock) {
    return store == candidate && block == candidateBlock;
  }

  /** Offset of a page of this block in {@link #raw}. */
  long offsetOf(int page) {
    return (long) store().slotOf(page) * org.rekindle.image.MemoryMap.PAGE_BYTES;
  }
}
