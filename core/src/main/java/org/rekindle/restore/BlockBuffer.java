package org.rekindle.restore;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageStore;

/**
 * A decoded block on its way from a reader thread to the pager, in memory that is allocated once
 * and reused.
 */
final class BlockBuffer {
  /** Memory that this buffer shares with the others of its pool: codecs keep one view of it. */
  final MemorySegment raw;

  /** Where its part of {@link #raw} begins. */
  final long rawOffset;

  @Nullable PageStore store;
  int block;

  /** Where in the stream it came from; -1 for a block read on demand. */
  int sequenceIndex;

  /** How many of its pages the pager has looked at. */
  int next;

  private BlockBuffer(MemorySegment raw, long rawOffset) {
    this.raw = raw;
    this.rawOffset = rawOffset;
  }

  /** So many buffers for blocks of up to so many slots. */
  static BlockBuffer[] pool(int buffers, int slots, Arena arena) {
    long bytes = (long) slots * MemoryMap.PAGE_BYTES;
    MemorySegment raw = arena.allocate(buffers * bytes, MemoryMap.PAGE_BYTES);
    BlockBuffer[] pool = new BlockBuffer[buffers];
    for (int i = 0; i < buffers; i++) {
      pool[i] = new BlockBuffer(raw, i * bytes);
    }
    return pool;
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
    return rawOffset + (long) store().slotOf(page) * MemoryMap.PAGE_BYTES;
  }
}
