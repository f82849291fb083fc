package org.rekindle.restore;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.PageStore;

/**
 * Brings the blocks of a plan in their order, decoded, ahead of the pager by a bounded number of
 * buffers: an {@link ExtentReader} reads on one thread, this class decodes on another, the pager
 * places on its own.
 */
final class BlockStream implements Runnable, AutoCloseable {
  /**
   * How long other restores may wait for what this one has read and cannot decode yet: three times
   * what the pager takes to place all buffers of the stream (4 MiB, 1 us a page of CPU time), less
   * than what reading them again would cost a disk.
   */
  private static final long HELD_UP_NS = 20_000_000;

  private final FetchSequence sequence;
  private final ClaimBitmap claims;
  private final ReadOrder order;
  private final ExtentReader reader;
  private final BlockIo io;
  private final Runnable wakePager;
  private final SpscRing<BlockBuffer> free;
  private final SpscRing<BlockBuffer> ready;
  private volatile boolean stopped;
  private volatile boolean exhausted;
  private volatile @Nullable Throwable failure;
  private @Nullable Thread decoder;

  /**
   * @param readIo for the reading thread
   * @param decodeIo for the decoding thread
   */
  BlockStream(
      FetchSequence sequence,
      ClaimBitmap claims,
      BlockIo readIo,
      BlockIo decodeIo,
      ReaderLimits limits,
      Arena arena,
      BlockBuffer[] buffers,
      @Nullable DecodedBlocks shared,
      Runnable wakePager)
      throws IOException {
    this.sequence = sequence;
    this.claims = claims;
    this.order = new ReadOrder(sequence, claims, limits);
    this.reader = new ExtentReader(sequence, order, readIo, limits, arena, shared);
    this.io = decodeIo;
    this.wakePager = wakePager;
    this.free = new SpscRing<>(buffers.length);
    this.ready = new SpscRing<>(buffers.length);
    for (BlockBuffer buffer : buffers) {
      free.offer(buffer);
    }
  }

  void start() {
    Thread thread = Thread.ofPlatform().daemon().name("rekindle-decode").unstarted(this);
    decoder = thread;
    reader.start(thread);
    thread.start();
  }

  @Override
  public void run() {
    try {
      for (Extent extent = reader.take(); extent != null; extent = reader.take()) {
        decode(extent);
        if (stopped) {
          break; // perhaps in its middle: it still knows which turns are to be given back
        }
        reader.release(extent);
      }
    } catch (Throwable broken) {
      failure = broken;
    }
    exhausted = true;
    wakePager.run();
  }

  private void decode(Extent extent) throws IOException {
    PageStore store = extent.store();
    for (int i = extent.first(); i < extent.next(); i++) {
      int block = sequence.block(i);
      if (!claims.covers(store, block)) {
        BlockBuffer buffer = takeFree();
        if (buffer == null) {
          return;
        }
        decode(extent, block, buffer);
        buffer.entry(i);
        ready.offer(buffer);
        wakePager.run();
      }
      reader.endTurn(i);
    }
  }

  private void decode(Extent extent, int block, BlockBuffer into) throws IOException {
    PageStore store = extent.store();
    if (extent.begin != Extent.NOT_READ) {
      io.decode(store, block, extent.staging, store.offset(block) - extent.begin, into);
    } else if (!into.show(store, block)) {
      io.readBlock(store, block, extent.staging); // replaced in between
      io.decode(store, block, extent.staging, 0, into);
    }
  }

  private @Nullable BlockBuffer takeFree() {
    BlockBuffer buffer = free.poll();
    long heldUpSinceNs = System.nanoTime();
    while (buffer == null && !stopped) {
      if (System.nanoTime() - heldUpSinceNs < HELD_UP_NS) {
        LockSupport.parkNanos(this, HELD_UP_NS);
      } else {
        reader.endTurns(); // a slow guest here is nothing to the others
        LockSupport.park(this);
      }
      buffer = free.poll();
    }
    return buffer;
  }

  /** Pager: the next decoded block, or null. */
  @Nullable BlockBuffer poll() {
    return ready.poll();
  }

  /** Pager: gives a buffer back. */
  void release(BlockBuffer buffer) {
    buffer.release();
    free.offer(buffer);
    LockSupport.unpark(decoder);
  }

  /**
   * Pager: whether a block is on its way, or comes so soon that a read of its own would take
   * longer.
   */
  boolean bringsSoon(PageStore store, int block) {
    return !exhausted && order.bringsSoon(store, block);
  }

  ReadOrder order() {
    return order;
  }

  void throwIfFailed() throws IOException {
    BlockIo.throwIfFailed(failure);
  }

  @Override
  public void close() {
    stopped = true;
    reader.stop();
    Thread running = decoder;
    if (running != null) {
      LockSupport.unpark(running);
      BlockIo.join(running);
    }
    reader.endTurns();
  }
}
