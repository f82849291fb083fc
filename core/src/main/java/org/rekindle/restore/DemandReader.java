package org.rekindle.restore;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageStore;

/**
 * Reads single blocks that the guest waits for and that are not in the page cache, so that the
 * pager itself never waits for a device. Runs on its own thread.
 */
final class DemandReader implements Runnable, AutoCloseable {
  private final BlockIo io;
  private final Runnable wakePager;
  private final SpscRing<BlockBuffer> requests;
  private final SpscRing<BlockBuffer> done;
  private final MemorySegment staging;
  private volatile boolean stopped;
  private volatile @Nullable Throwable failure;
  private @Nullable Thread thread;

  /** Requests that the pager has made and not yet taken back. Pager thread only. */
  private int inFlight;

  DemandReader(BlockIo io, Arena arena, int maxStoredBytes, int depth, Runnable wakePager) {
    this.io = io;
    this.wakePager = wakePager;
    this.requests = new SpscRing<>(depth);
    this.done = new SpscRing<>(depth);
    this.staging = arena.allocate(maxStoredBytes, MemoryMap.PAGE_BYTES);
  }

  void start(String name) {
    thread = Thread.ofPlatform().daemon().name(name).start(this);
  }

  @Override
  public void run() {
    try {
      while (!stopped) {
        BlockBuffer request = requests.poll();
        if (request == null) {
          LockSupport.park(this);
        } else {
          read(request);
        }
      }
    } catch (Throwable broken) {
      failure = broken;
      wakePager.run();
    }
  }

  private void read(BlockBuffer request) throws IOException {
    PageStore store = request.store();
    int block = request.block;
    if (!request.show(store, block)) {
      io.readBlock(store, block, staging);
      io.decode(store, block, staging, 0, request);
    }
    done.offer(request);
    wakePager.run();
  }

  /** Pager: asks for the block that the buffer names. */
  void request(BlockBuffer buffer) {
    inFlight++;
    requests.offer(buffer);
    LockSupport.unpark(thread);
  }

  /** Pager: a block that has been read, or null. */
  @Nullable BlockBuffer poll() {
    BlockBuffer buffer = done.poll();
    if (buffer != null) {
      inFlight--;
    }
    return buffer;
  }

  int inFlight() {
    return inFlight;
  }

  void throwIfFailed() throws IOException {
    BlockIo.throwIfFailed(failure);
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
