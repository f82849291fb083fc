package org.rekindle.restore;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageStore;
import org.rekindle.linux.FreshMemory;
import org.rekindle.linux.LinuxException;

/**
 * A decoded block on its way from a reader thread to the pager: in memory of its own, which is
 * allocated once and reused, or in a frame that other restores look at as well.
 */
public final class BlockBuffer {
  private final MemorySegment own; // shared with the others of its pool: codecs keep one view of it
  private final long ownOffset;
  private final @Nullable DecodedBlocks shared;
  private int frame = DecodedBlocks.NONE;
  private boolean filling;

  /** Memory that holds the block from {@link #rawOffset} on. */
  MemorySegment raw;

  long rawOffset;

  @Nullable PageStore store;
  int block;

  /** The entry of the fetch sequence that it came as; of no meaning if it was read on demand. */
  private int entry;

  /** How many of its pages the pager has looked at. */
  int next;

  private BlockBuffer(MemorySegment own, long ownOffset, @Nullable DecodedBlocks shared) {
    this.own = own;
    this.ownOffset = ownOffset;
    this.shared = shared;
    this.raw = own;
    this.rawOffset = ownOffset;
  }

  /** So many buffers without memory, for a guest that has none. */
  public static BlockBuffer[] empty(int buffers) {
    return pool(buffers, 0, MemorySegment.NULL, null);
  }

  /** So many buffers for blocks of up to so many slots. */
  static BlockBuffer[] pool(int buffers, int slots, Arena arena, @Nullable DecodedBlocks shared)
      throws LinuxException {
    long bytes = (long) slots * MemoryMap.PAGE_BYTES;
    return pool(buffers, bytes, FreshMemory.allocate(buffers * bytes, arena), shared);
  }

  private static BlockBuffer[] pool(
      int buffers, long bytes, MemorySegment own, @Nullable DecodedBlocks shared) {
    BlockBuffer[] pool = new BlockBuffer[buffers];
    for (int i = 0; i < buffers; i++) {
      pool[i] = new BlockBuffer(own, i * bytes, shared);
    }
    return pool;
  }

  /** Makes ready for a block to be decoded: into a frame if one is free. */
  void prepare() {
    if (shared != null && frame == DecodedBlocks.NONE) {
      frame = shared.claim();
      if (frame != DecodedBlocks.NONE) {
        filling = true;
        raw = shared.memory();
        rawOffset = shared.offset(frame);
      }
    }
  }

  /** The block has been decoded. */
  public void decoded(PageStore ofStore, int thisBlock) {
    hold(ofStore, thisBlock);
    if (shared != null && filling) {
      filling = false;
      shared.publish(frame, shared.key(ofStore, thisBlock));
    }
  }

  /** The block came as this entry of the fetch sequence. */
  public void entry(int sequenceIndex) {
    entry = sequenceIndex;
  }

  int entry() {
    return entry;
  }

  /** Shows a block that another restore has decoded; false if there is none any more. */
  boolean show(PageStore ofStore, int thisBlock) {
    if (shared == null) {
      return false;
    }
    frame = shared.pin(shared.key(ofStore, thisBlock));
    if (frame == DecodedBlocks.NONE) {
      return false;
    }
    raw = shared.memory();
    rawOffset = shared.offset(frame);
    hold(ofStore, thisBlock);
    return true;
  }

  /** It holds this block, or is about to. */
  void hold(PageStore ofStore, int thisBlock) {
    store = ofStore;
    block = thisBlock;
    next = 0;
  }

  /** The block is no longer needed, or was not decoded after {@link #prepare}. */
  void release() {
    if (shared != null && filling) {
      shared.abandon(frame);
    } else if (shared != null && frame != DecodedBlocks.NONE) {
      shared.unpin(frame);
    }
    filling = false;
    frame = DecodedBlocks.NONE;
    raw = own;
    rawOffset = ownOffset;
    store = null;
  }

  /** The store of the block that it holds, or is about to. */
  public PageStore store() {
    if (store == null) {
      throw new IllegalStateException("an empty buffer has no store");
    }
    return store;
  }

  /** The block that it holds, or is about to. */
  public int block() {
    return block;
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
