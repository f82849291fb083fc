package org.rekindle.guest.process.store;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;

/*
 * Blocks of five sizes
 *
 * The heap is handed out in chunks of 64 KiB; a chunk is cut into blocks of one size, and stays so. A
 * block that is given back goes to the front of its size's free list, which lies in the free blocks
 * themselves. Blocks never straddle a page unless they are larger than one, so a record of 4 KiB is
 * one page: with blocks of any size it would be two, and the working set twice as large as the data.
 *
 * In the store's memory, from the offset that the store gives:
 *
 *      0   u64   end of the chunks handed out so far
 *      8   for each size, from 512 bytes to 8 KiB:
 *          u64   first free block, 0: none
 *          u64   next block of the current chunk that was never used
 *          u64   end of the current chunk
 *   128
 */

/** Memory for records, in blocks of 512 bytes to 8 KiB. */
final class Slabs {
  /** What the bookkeeping takes. */
  static final int BYTES = 128;

  static final int LARGEST_BLOCK = 8192;
  static final int SIZES = 5;

  private static final int SMALLEST_SHIFT = 9;
  private static final int CHUNK_BYTES = 64 << 10;
  private static final int CHUNKS_END = 0;
  private static final int SIZE = 8;
  private static final int SIZE_BYTES = 24;
  private static final int FREE = 0;
  private static final int NEXT = 8;
  private static final int END = 16;

  private final MemorySegment memory;
  private final long at;

  private Slabs(MemorySegment memory, long at) {
    this.memory = memory;
    this.at = at;
  }

  /** Begins with nothing handed out; the heap goes from an offset to the end of the memory. */
  static Slabs format(MemorySegment memory, long at, long heap) {
    memory.set(JAVA_LONG, at + CHUNKS_END, (heap + CHUNK_BYTES - 1) & -CHUNK_BYTES);
    return new Slabs(memory, at);
  }

  static Slabs attach(MemorySegment memory, long at) {
    return new Slabs(memory, at);
  }

  /** Which size a record of so many bytes gets. */
  static int sizeOf(int bytes) {
    return Math.max(0, Integer.SIZE - Integer.numberOfLeadingZeros(bytes - 1) - SMALLEST_SHIFT);
  }

  static int blockBytes(int size) {
    return 1 << (size + SMALLEST_SHIFT);
  }

  /** Takes a block of a size: its offset, or 0 if the memory is full. */
  long take(int size) {
    long of = at + SIZE + (long) size * SIZE_BYTES;
    long free = memory.get(JAVA_LONG, of + FREE);
    if (free != 0) {
      memory.set(JAVA_LONG, of + FREE, memory.get(JAVA_LONG, free));
      return free;
    }
    long next = memory.get(JAVA_LONG, of + NEXT);
    if (next == memory.get(JAVA_LONG, of + END)) {
      next = memory.get(JAVA_LONG, at + CHUNKS_END);
      if (next + CHUNK_BYTES > memory.byteSize()) {
        return 0;
      }
      memory.set(JAVA_LONG, at + CHUNKS_END, next + CHUNK_BYTES);
      memory.set(JAVA_LONG, of + END, next + CHUNK_BYTES);
    }
    memory.set(JAVA_LONG, of + NEXT, next + blockBytes(size));
    return next;
  }

  /** Gives a block back. */
  void give(long block, int size) {
    long of = at + SIZE + (long) size * SIZE_BYTES;
    memory.set(JAVA_LONG, block, memory.get(JAVA_LONG, of + FREE));
    memory.set(JAVA_LONG, of + FREE, block);
  }

  /** Bytes of all blocks that lie in free lists; -1 if a list leads nowhere or in circles. */
  long freeBytes() {
    long bytes = 0;
    for (int size = 0; size < SIZES; size++) {
      long block = memory.get(JAVA_LONG, at + SIZE + (long) size * SIZE_BYTES + FREE);
      while (block != 0) {
        bytes += blockBytes(size);
        if (block < 0 || block > memory.byteSize() - Long.BYTES || bytes > memory.byteSize()) {
          return -1;
        }
        block = memory.get(JAVA_LONG, block);
      }
    }
    return bytes;
  }

  /** Bytes of all blocks that were ever taken, in a heap that began at that offset. */
  long usedBytes(long heap) {
    long bytes = memory.get(JAVA_LONG, at + CHUNKS_END) - ((heap + CHUNK_BYTES - 1) & -CHUNK_BYTES);
    for (int size = 0; size < SIZES; size++) {
      long of = at + SIZE + (long) size * SIZE_BYTES;
      bytes -= memory.get(JAVA_LONG, of + END) - memory.get(JAVA_LONG, of + NEXT);
    }
    return bytes;
  }
}
