package org.rekindle.restore;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.PageStore;
import org.rekindle.linux.FreshMemory;

/**
 * Reads what a plan fetches in bulk, in its order, one extent after the other, without a pause
 * between them.
 */
final class ExtentReader implements Runnable {
  /*
   * Blocks are read in extents: neighbours in the file, and what lies between them where the gap is small, in one
   * direct read. Why not block by block: a device that is bounded by reads a second (a disk: about 120) would give
   * 30 KiB of each. Why not more than an extent at a time: a demand read queues behind what is in flight.
   */

  private static final int ALIGNMENT = 4096;

  private final FetchSequence sequence;
  private final ReadOrder order;
  private final BlockIo io;
  private final @Nullable DecodedBlocks shared;
  private final Extent[] extents;
  private final SpscRing<Extent> free;
  private final SpscRing<Extent> read;
  private @Nullable Thread reader;
  private @Nullable Thread consumer;

  private volatile boolean stopped;
  private volatile boolean exhausted;
  private volatile @Nullable Throwable failure;

  ExtentReader(
      FetchSequence sequence,
      ReadOrder order,
      BlockIo io,
      ReaderLimits limits,
      Arena arena,
      @Nullable DecodedBlocks shared)
      throws IOException {
    this.shared = shared;
    this.sequence = sequence;
    this.order = order;
    this.io = io;
    this.extents = new Extent[limits.extents()];
    this.free = new SpscRing<>(limits.extents());
    this.read = new SpscRing<>(limits.extents());
    for (int i = 0; i < limits.extents(); i++) {
      int bytes = limits.extentBytes() + sequence.maxStoredBytes() + 2 * ALIGNMENT;
      extents[i] = new Extent(FreshMemory.allocateHuge(bytes, arena));
      free.offer(extents[i]);
    }
  }

  /** Starts reading, for the thread that will call {@link #take}. */
  void start(Thread consumingThread) {
    consumer = consumingThread;
    reader = Thread.ofPlatform().daemon().name("rekindle-read").start(this);
  }

  @Override
  public void run() {
    try {
      while (!stopped) {
        Extent extent = takeFree();
        leaveRoom();
        int first = order.next();
        if (extent == null || first == ReadOrder.NONE) {
          return;
        }
        readExtent(first, extent);
        read.offer(extent);
        LockSupport.unpark(consumer);
      }
    } catch (Throwable broken) {
      failure = broken;
    } finally {
      exhausted = true;
      LockSupport.unpark(consumer);
    }
  }

  private void leaveRoom() {
    for (long restNs = order.restNs(System.nanoTime());
        restNs > 0 && !stopped;
        restNs = order.restNs(System.nanoTime())) {
      LockSupport.parkNanos(this, restNs);
    }
  }

  private void readExtent(int first, Extent extent) throws IOException {
    boolean isShared = !takeTurn(first);
    // Before the read: a fault on these blocks joins it.
    int next = order.take(first, i -> isShared == isShared(i) && (isShared || tryTakeTurn(i)));
    extent.holds(first, next);
    long begin = sequence.beginOf(first);
    PageStore store = sequence.store(first);
    if (!isShared) {
      long end = sequence.endOf(next - 1);
      long beganNs = System.nanoTime();
      io.readExtent(store, begin, end, extent.staging);
      order.read(end - begin, beganNs, System.nanoTime());
    }
    extent.store = store;
    extent.begin = isShared ? Extent.NOT_READ : begin;
  }

  /** Whether another restore has decoded this entry. */
  private boolean isShared(int index) {
    return io.isShared(sequence.store(index), sequence.block(index));
  }

  /**
   * Takes the turn to read an entry; false if another restore has decoded it, perhaps just now:
   * then it is not read as well.
   */
  private boolean takeTurn(int index) {
    while (!isShared(index)) {
      if (tryTakeTurn(index)) {
        return true;
      }
      if (shared != null) {
        shared.turns().await(key(shared, index));
      }
    }
    return false;
  }

  private boolean tryTakeTurn(int index) {
    return shared == null || shared.turns().take(key(shared, index), this);
  }

  /** Gives back the turn to read an entry, if it has it. */
  void endTurn(int index) {
    if (shared != null) {
      shared.turns().end(key(shared, index), this);
    }
  }

  /** Gives back the turns of everything that has been read, or is, and not been decoded. */
  void endTurns() {
    for (Extent extent : extents) {
      for (int i = extent.first(); i < extent.next(); i++) {
        endTurn(i);
      }
    }
  }

  private int key(DecodedBlocks blocks, int index) {
    return blocks.key(sequence.store(index), sequence.block(index));
  }

  private @Nullable Extent takeFree() {
    Extent extent = free.poll();
    while (extent == null && !stopped) {
      LockSupport.park(this);
      extent = free.poll();
    }
    return extent;
  }

  /** Consumer: waits for the next extent; null when there is none left, or after {@link #stop}. */
  @Nullable Extent take() throws IOException {
    while (!stopped) {
      boolean last = exhausted; // looked at before the ring, so that nothing is missed in between
      Extent extent = read.poll();
      if (extent != null) {
        return extent;
      }
      if (last) {
        BlockIo.throwIfFailed(failure);
        return null;
      }
      LockSupport.park(this);
    }
    return null;
  }

  /** Consumer: gives an extent back. */
  void release(Extent extent) {
    extent.empty();
    free.offer(extent);
    LockSupport.unpark(reader);
  }

  void stop() {
    stopped = true;
    LockSupport.unpark(reader);
    if (reader != null) {
      BlockIo.join(reader);
    }
  }
}
