package org.rekindle.restore;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.IdentityHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.rekindle.image.Image;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageStore;
import org.rekindle.linux.MappedMemory;

/**
 * What one restore has read and decoded, for the others from the same image.
 *
 * <p>Bounded: so many frames of a block each, replaced in CLOCK order. Every thread of every
 * restore uses it at once; nothing here locks, waits or allocates.
 */
public final class DecodedBlocks implements AutoCloseable {
  /*
   * A frame has a number of pins: FILLING while one thread decodes into it, otherwise how many
   * buffers (BlockBuffer) show its block to a pager. Only a frame with no pins is replaced. Two
   * tables point at each other, block to frame and frame to block; pin() goes by the first and
   * believes only the second, which does not change while the frame is pinned. So a look-up is two
   * reads and a compare-and-set, and no page is copied: a guest is served from the frame.
   *
   * Why not the kernel's page cache alone? It holds what is stored, and decoding is the larger part
   * of a warm restore's work (LZ4: 12 us a block of 32 KiB, three times what copying it costs).
   * Why not one mapping of the whole decoded image? It would be as large as the guest, and the
   * restores of a wave ask for the same blocks within a second of each other.
   *
   * Two threads may decode the same block at the same time; both publish, the later one is found,
   * and the other frame is replaced in its turn. ReadTurns keeps that rare.
   */

  /** No frame. */
  static final int NONE = -1;

  private static final int FILLING = -1;

  /**
   * Frames that are looked at for an unpinned one: each reference bit and pin on the way costs some
   * 20 ns, so even a miss is a fraction of the decoding. Full of pins, the cache is passed by.
   */
  private static final int CLAIM_STEPS = 64;

  private final Image image;
  private final IdentityHashMap<PageStore, Integer> firstKey = new IdentityHashMap<>();
  private final int frameBytes;
  private final MappedMemory mapping; // present as far as it was used
  private final MemorySegment memory;
  private final AtomicIntegerArray frameOf; // by key
  private final AtomicIntegerArray keyOf; // by frame
  private final AtomicIntegerArray pins; // by frame
  private final AtomicIntegerArray referenced; // by frame
  private final AtomicInteger hand = new AtomicInteger();
  private final ReadTurns turns;

  /**
   * @param image the one image that all restores are made from, open as long as they run
   * @param budgetBytes of memory for decoded blocks: less than 2 GiB, room for at least one
   */
  public DecodedBlocks(Image image, long budgetBytes) throws IOException {
    this.image = image;
    PageStore base = image.base();
    PageStore hot = image.hot().orElse(null);
    firstKey.put(base, 0);
    int keys = base.blocks();
    int slots = base.maxSlots();
    if (hot != null) {
      firstKey.put(hot, keys);
      keys += hot.blocks();
      slots = Math.max(slots, hot.maxSlots());
    }
    this.frameBytes = Math.max(slots, 1) * MemoryMap.PAGE_BYTES;
    // Room for what two decode at the same time: without it, one such block has the clock replace
    // another that is then decoded again, and so on.
    int frames = (int) Math.min(2L * keys, budgetBytes / frameBytes);
    if (budgetBytes >= 1L << 31 || budgetBytes < frameBytes) {
      throw new IllegalArgumentException(
          "memory for decoded blocks is %d bytes to 2 GiB: %d".formatted(frameBytes, budgetBytes));
    }
    this.mapping = MappedMemory.anonymous((long) frames * frameBytes);
    this.memory = mapping.segment();
    this.frameOf = allNone(keys);
    this.keyOf = allNone(frames);
    this.pins = new AtomicIntegerArray(frames);
    this.referenced = new AtomicIntegerArray(frames);
    this.turns = new ReadTurns(keys);
  }

  private static AtomicIntegerArray allNone(int length) {
    AtomicIntegerArray array = new AtomicIntegerArray(length);
    for (int i = 0; i < length; i++) {
      array.setPlain(i, NONE);
    }
    return array;
  }

  Image image() {
    return image;
  }

  /** Who reads what, so that the others wait for it rather than read it as well. */
  ReadTurns turns() {
    return turns;
  }

  /** The number that names a block here. */
  int key(PageStore store, int block) {
    Integer first = firstKey.get(store);
    if (first == null) {
      throw new IllegalArgumentException("not a store of this image: " + store.file());
    }
    return first + block;
  }

  /** Whether a block was here a moment ago. */
  boolean has(int key) {
    return frameOf.get(key) != NONE;
  }

  /** Pins the frame that holds a block, so that it stays; {@link #NONE} if none does. */
  int pin(int key) {
    int frame = frameOf.get(key);
    if (frame == NONE) {
      return NONE;
    }
    int seen = pins.get(frame);
    while (seen != FILLING) {
      if (pins.compareAndSet(frame, seen, seen + 1)) {
        if (keyOf.get(frame) == key) {
          referenced.setOpaque(frame, 1);
          return frame;
        }
        unpin(frame);
        return NONE;
      }
      seen = pins.get(frame);
    }
    return NONE;
  }

  void unpin(int frame) {
    pins.getAndDecrement(frame);
  }

  /**
   * Takes a frame out of use to decode a block into it; {@link #NONE} if all that were looked at
   * are pinned. To be given back by {@link #publish} or {@link #abandon}.
   */
  int claim() {
    for (int step = 0; step < CLAIM_STEPS; step++) {
      int frame = Math.floorMod(hand.getAndIncrement(), pins.length());
      if (pins.get(frame) == 0
          && referenced.getAndSet(frame, 0) == 0
          && pins.compareAndSet(frame, 0, FILLING)) {
        int replaced = keyOf.getAndSet(frame, NONE);
        if (replaced != NONE) {
          frameOf.compareAndSet(replaced, frame, NONE);
        }
        return frame;
      }
    }
    return NONE;
  }

  /** A claimed frame holds this block now. It stays pinned, once, by the caller. */
  void publish(int frame, int key) {
    keyOf.set(frame, key);
    pins.set(frame, 1);
    frameOf.set(key, frame);
  }

  /** A claimed frame was not filled. */
  void abandon(int frame) {
    pins.set(frame, 0);
  }

  MemorySegment memory() {
    return memory;
  }

  /** Where a frame begins in {@link #memory}. */
  long offset(int frame) {
    return (long) frame * frameBytes;
  }

  /** Frames that are shown or being filled now. */
  int pinnedFrames() {
    int pinned = 0;
    for (int frame = 0; frame < pins.length(); frame++) {
      if (pins.get(frame) != 0) {
        pinned++;
      }
    }
    return pinned;
  }

  /** Frees the memory; after the last restore has ended. */
  @Override
  public void close() {
    mapping.close();
  }
}
