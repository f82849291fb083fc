package org.rekindle.restore;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageStore;
import org.rekindle.linux.IoBuffer;

/**
 * Brings the blocks of a plan in their order: prefetch, then fill, decoded, ahead of the pager by a
 * bounded number of buffers. Runs on its own thread.
 */
@SuppressWarnings("ReferenceEquality") // a store is an identity, not a value
final class StreamReader implements Runnable, AutoCloseable {
  /*
   * Blocks are read in extents: neighbours in the file, and what lies between them where the gap is small, in one
   * direct read. Why not block by block: a device that is bounded by reads a second (a disk: about 120) would give
   * 30 KiB of each; why not more than an extent at a time: a demand read queues behind what is in flight.
   */

  /**
   * Bytes of one read. At 120 reads/s and 120 MB/s, the disk that the paper's figures come from, 1
   * MiB is where both limits meet: smaller extents are bounded by seeks, larger ones only make
   * demand reads wait (8.7 ms each).
   */
  static final int EXTENT_BYTES = 1 << 20;

  /**
   * A gap that is read over rather than skipped. A seek of 8 ms costs as much as 1 MiB of that
   * disk's transfer; on an SSD (100 us, 500 MB/s) 50 KiB. 128 KiB is a loss of at most a quarter
   * millisecond there and a gain of 7 ms here.
   */
  private static final int GAP_BYTES = 128 << 10;

  private static final int ALIGNMENT = 4096;

  private final BlockSequence prefetch;
  private final BlockSequence fill;
  private final ClaimBitmap claims;
  private final BlockIo io;
  private final Runnable wakePager;
  private final SpscRing<BlockBuffer> free;
  private final SpscRing<BlockBuffer> ready;
  private final MemorySegment staging;

  /** For each store: where a block is in the sequence, or -1. */
  private final int[] prefetchIndex;

  private final int[] fillIndex;

  /** Entries of the sequence before this one have been read or were not needed. */
  private volatile int position;

  private volatile boolean stopped;
  private volatile boolean exhausted;
  private volatile @Nullable Throwable failure;
  private @Nullable Thread thread;

  StreamReader(
      BlockSequence prefetch,
      BlockSequence fill,
      ClaimBitmap claims,
      BlockIo io,
      Arena arena,
      int buffers,
      Runnable wakePager)
      throws IOException {
    this.prefetch = prefetch;
    this.fill = fill;
    this.claims = claims;
    this.io = io;
    this.wakePager = wakePager;
    this.free = new SpscRing<>(buffers);
    this.ready = new SpscRing<>(buffers);
    int slots = Math.max(prefetch.store().maxSlots(), fill.store().maxSlots());
    for (int i = 0; i < buffers; i++) {
      long bytes = (long) slots * MemoryMap.PAGE_BYTES;
      free.offer(new BlockBuffer(arena.allocate(bytes, MemoryMap.PAGE_BYTES)));
    }
    int stored = Math.max(prefetch.store().maxStoredBytes(), fill.store().maxStoredBytes());
    this.staging = IoBuffer.allocate(EXTENT_BYTES + stored + 2L * ALIGNMENT, arena);
    this.prefetchIndex = inverse(prefetch, 0);
    this.fillIndex = inverse(fill, prefetch.size());
  }

  private static int[] inverse(BlockSequence sequence, int firstIndex) {
    int[] index = new int[sequence.store().blocks()];
    Arrays.fill(index, -1);
    for (int i = 0; i < sequence.size(); i++) {
      index[sequence.block(i)] = firstIndex + i;
    }
    return index;
  }

  void start() {
    thread = Thread.ofPlatform().daemon().name("rekindle-stream").start(this);
  }

  @Override
  public void run() {
    try {
      int index = 0;
      while (index < size() && !stopped) {
        index = covered(index) ? index + 1 : readExtent(index);
        position = index;
      }
    } catch (Throwable broken) {
      failure = broken;
    }
    exhausted = true;
    wakePager.run();
  }

  /** Reads the extent that begins with entry {@code first}; returns the entry after it. */
  private int readExtent(int first) throws IOException {
    PageStore store = store(first);
    long begin = store.offset(block(first)) & -ALIGNMENT;
    long end = store.offset(block(first)) + store.storedBytes(block(first));
    int next = first + 1;
    for (int i = next; i < size() && store(i) == store; i++) {
      long offset = store.offset(block(i));
      long blockEnd = offset + store.storedBytes(block(i));
      if (offset < end || offset - end > GAP_BYTES || blockEnd - begin > EXTENT_BYTES) {
        break;
      }
      if (!covered(i)) {
        end = blockEnd;
        next = i + 1;
      }
    }
    position = next; // before the read: a fault on these blocks joins it
    io.readExtent(store, begin, end, staging);
    for (int i = first; i < next; i++) {
      if (!covered(i)) {
        BlockBuffer buffer = takeFree();
        if (buffer == null) {
          return next;
        }
        long at = store.offset(block(i)) - begin;
        io.decode(store, block(i), staging, at, buffer);
        buffer.sequenceIndex = i;
        ready.offer(buffer);
        wakePager.run();
      }
    }
    return next;
  }

  private @Nullable BlockBuffer takeFree() {
    BlockBuffer buffer = free.poll();
    while (buffer == null && !stopped) {
      LockSupport.park(this);
      buffer = free.poll();
    }
    return buffer;
  }

  private int size() {
    return prefetch.size() + fill.size();
  }

  private PageStore store(int index) {
    return index < prefetch.size() ? prefetch.store() : fill.store();
  }

  private int block(int index) {
    return index < prefetch.size() ? prefetch.block(index) : fill.block(index - prefetch.size());
  }

  private boolean covered(int index) {
    return claims.covers(store(index), block(index));
  }

  /** Pager: the next decoded block, or null. */
  @Nullable BlockBuffer poll() {
    return ready.poll();
  }

  /** Pager: gives a buffer back. */
  void release(BlockBuffer buffer) {
    buffer.store = null;
    free.offer(buffer);
    LockSupport.unpark(thread);
  }

  /**
   * Pager: whether a block is being read, or comes so soon that a read of its own would take
   * longer: within the extent that is read next.
   */
  boolean bringsSoon(PageStore store, int block) {
    int index = -1;
    if (store == prefetch.store()) {
      index = prefetchIndex[block];
    }
    if (index < 0 && store == fill.store()) {
      index = fillIndex[block];
    }
    int at = position;
    if (index < 0 || exhausted) {
      return false;
    }
    if (index < at) {
      return true;
    }
    return store(at) == store && store.offset(block) - store.offset(block(at)) <= EXTENT_BYTES;
  }

  boolean isPrefetch(BlockBuffer buffer) {
    return buffer.sequenceIndex < prefetch.size();
  }

  void throwIfFailed() throws IOException {
    Throwable broken = failure;
    if (broken != null) {
      throw broken instanceof IOException io
          ? io
          : new IOException("reading the image failed", broken);
    }
  }

  @Override
  public void close() {
    stopped = true;
    Thread running = thread;
    if (running != null) {
      LockSupport.unpark(running);
      BlockIo.join(running);
    }
  }
}
