package org.rekindle.restore;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.rekindle.linux.FreshMemory;

/**
 * Reads what a plan fetches in bulk, in its order, one extent after the other, without a pause
 * between them; several at the same time where the device gives more then ({@link QueueDepth}),
 * each by a thread of its own.
 */
final class ExtentReader {
  /*
   * Blocks are read in extents: neighbours in the file, and what lies between them where the gap is small, in one
   * direct read. Why not block by block: a device that is bounded by reads a second (a disk: about 120) would give
   * 30 KiB of each. Why not larger ones, or many at a time: a demand read queues behind what is in flight.
   *
   * Extents are begun in order, by one thread at a time, and handed on in order, whichever is read first: the plan's
   * order is what the guest waits in. Threads rather than io_uring: they wait in a read that costs a device 100 us or
   * more, against which a switch is nothing, and all but the first exist only where they are of use.
   */

  private static final int ALIGNMENT = 4096;

  private final FetchSequence sequence;
  private final ReadOrder order;
  private final BlockIo io;
  private final @Nullable DecodedBlocks shared;
  private final Arena arena;
  private final int extentBytes;
  private final QueueDepth depth = new QueueDepth(QueueDepth.MOST);
  private final List<Extent> extents = new CopyOnWriteArrayList<>();
  private final ArrayDeque<Extent> fresh = new ArrayDeque<>(); // never used, for whoever begins
  private final List<Thread> threads = new ArrayList<>();
  private final SpscRing<Extent> free;
  private final SpscRing<Extent> begun; // in order, read or being read
  private @Nullable Extent oldest; // of the consumer: begun, perhaps not read
  private @Nullable Thread consumer;

  /** Who begins the next extent, and may wait for a free one. */
  private volatile @Nullable Thread beginner;

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
    this.arena = arena;
    this.extentBytes = limits.extentBytes() + sequence.maxStoredBytes() + 2 * ALIGNMENT;
    int most = limits.extents() - 1 + QueueDepth.MOST;
    this.free = new SpscRing<>(most);
    this.begun = new SpscRing<>(most);
    for (int i = 0; i < limits.extents(); i++) {
      addExtent();
    }
  }

  private void addExtent() throws IOException {
    Extent extent = new Extent(FreshMemory.allocateHuge(extentBytes, arena));
    extents.add(extent);
    fresh.add(extent);
  }

  /** Starts reading, for the thread that will call {@link #take}. */
  synchronized void start(Thread consumingThread) {
    consumer = consumingThread;
    addThread();
  }

  private void addThread() {
    int number = threads.size();
    Thread thread =
        Thread.ofPlatform().daemon().name("rekindle-read-" + number).unstarted(() -> read(number));
    threads.add(thread);
    thread.start();
  }

  private void read(int number) {
    try {
      for (Extent extent = begin(number); extent != null; extent = begin(number)) {
        if (extent.begin == Extent.NOT_READ) {
          handOn(extent);
        } else {
          long end = sequence.endOf(extent.next() - 1);
          long beganNs = System.nanoTime();
          io.readExtent(extent.store(), extent.begin, end, extent.staging);
          long endNs = System.nanoTime();
          boolean followsMiss = extent.followsMiss;
          int missesBefore = extent.missesBefore;
          long bytes = end - extent.begin;
          handOn(extent); // from here on it may be anything
          read(bytes, beganNs, endNs, followsMiss, missesBefore);
        }
      }
    } catch (Throwable broken) {
      failure = broken;
      exhausted = true;
      LockSupport.unpark(consumer);
    }
  }

  private void handOn(Extent extent) {
    extent.isRead = true;
    LockSupport.unpark(consumer);
  }

  private synchronized void read(
      long bytes, long beganNs, long endNs, boolean followsMiss, int missesBefore)
      throws IOException {
    order.read(bytes, beganNs, endNs, followsMiss, missesBefore);
    depth.read(bytes, endNs);
    while (threads.size() < depth.reads() && !stopped) {
      addExtent();
      addThread();
    }
  }

  /** Begins the next extent; null if there is none, or none for this thread. */
  private synchronized @Nullable Extent begin(int number) {
    if (number >= depth.reads() || failure != null) {
      return null;
    }
    beginner = Thread.currentThread();
    Extent extent = takeFree();
    leaveRoom();
    int first = order.next();
    if (extent == null || first == ReadOrder.NONE) {
      exhausted = true;
      LockSupport.unpark(consumer);
      return null;
    }
    begin(first, extent);
    begun.offer(extent);
    return extent;
  }

  private void begin(int first, Extent extent) {
    boolean isShared = !takeTurn(first);
    // Before the read: a fault on these blocks joins it.
    int next = order.take(first, i -> isShared == isShared(i) && (isShared || tryTakeTurn(i)));
    extent.holds(first, next);
    extent.store = sequence.store(first);
    extent.begin = isShared ? Extent.NOT_READ : sequence.beginOf(first);
    extent.followsMiss = order.followedMiss();
    extent.missesBefore = order.missesBefore();
    extent.isRead = false;
  }

  private void leaveRoom() {
    for (long restNs = order.restNs(System.nanoTime());
        restNs > 0 && !stopped;
        restNs = order.restNs(System.nanoTime())) {
      depth.heldUp();
      LockSupport.parkNanos(this, restNs);
    }
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
    Extent extent = fresh.isEmpty() ? free.poll() : fresh.poll();
    if (extent == null) {
      depth.heldUp();
    }
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
      if (oldest == null) {
        oldest = begun.poll();
      }
      Extent extent = oldest;
      if (extent != null && extent.isRead) {
        oldest = null;
        return extent;
      }
      BlockIo.throwIfFailed(failure);
      if (extent == null && last) {
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
    LockSupport.unpark(beginner);
  }

  void stop() {
    stopped = true;
    LockSupport.unpark(beginner);
    List<Thread> started;
    synchronized (this) {
      started = List.copyOf(threads);
    }
    started.forEach(BlockIo::join);
  }
}
