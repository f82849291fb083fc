package org.rekindle.image;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * Takes pages on the caller's thread and writes them on one of its own.
 *
 * <p>While a machine is saved it stands still, so the caller must not wait for a codec or a disk.
 * It copies pages into chunks, a bounded number of which go round between it and the writing
 * thread: memory stays bounded, and a disk slower than the guest's memory slows the caller down
 * instead.
 *
 * <p>An error of the writing thread is kept and thrown at the caller's next call; until then the
 * thread goes on to take chunks, so that the caller never waits for a thread that has died.
 */
final class StorePipeline implements AutoCloseable {
  /** Handing a chunk over costs about 10 us (two threads wake): nothing beside 1 MiB of copying. */
  private static final int CHUNK_PAGES = 256;

  /** Enough to ride out a stall of the disk of 8 ms at 1 GB/s; the caller then waits. */
  private static final int CHUNKS = 8;

  private static final class Chunk {
    final MemorySegment segment;
    final ByteBuffer buffer;
    int pages;

    Chunk(MemorySegment segment) {
      this.segment = segment;
      this.buffer = segment.asByteBuffer();
    }
  }

  private final StoreWriter writer;
  private final int blockPages;
  private final int chunkPages;
  private final Arena arena = Arena.ofShared();
  private final BlockingQueue<Chunk> free = new ArrayBlockingQueue<>(CHUNKS);
  private final BlockingQueue<Chunk> full = new ArrayBlockingQueue<>(CHUNKS + 1);
  private final Chunk end = new Chunk(MemorySegment.NULL);
  private final Thread thread;
  private @Nullable Chunk current;
  private volatile @Nullable Throwable failure;
  private volatile boolean abandoned;

  /** Takes over the writer and closes it. */
  StorePipeline(StoreWriter writer, int blockPages) {
    this.writer = writer;
    this.blockPages = blockPages;
    chunkPages = Math.max(1, CHUNK_PAGES / blockPages) * blockPages;
    for (int i = 0; i < CHUNKS; i++) {
      free.add(new Chunk(arena.allocate((long) chunkPages * MemoryMap.PAGE_BYTES, 64)));
    }
    thread = Thread.ofPlatform().name("image-writer").daemon().start(this::writeAll);
  }

  /** Appends a page; it gets the next slot. */
  void page(MemorySegment data, long offset) throws IOException {
    Chunk chunk = current;
    if (chunk == null) {
      chunk = take(free);
      chunk.pages = 0;
      current = chunk;
    }
    MemorySegment.copy(
        data,
        offset,
        chunk.segment,
        (long) chunk.pages * MemoryMap.PAGE_BYTES,
        MemoryMap.PAGE_BYTES);
    if (++chunk.pages == chunkPages) {
      full.add(chunk);
      current = null;
    }
  }

  /** Throws what has gone wrong on the writing thread. */
  void check() throws IOException {
    Throwable cause = failure;
    if (cause != null) {
      throw new IOException(cause.getMessage(), cause);
    }
  }

  /** Waits until everything is written and durable. */
  BlockTable finish() throws IOException {
    Chunk last = current;
    if (last != null) {
      full.add(last);
      current = null;
    }
    join();
    check();
    return writer.finish();
  }

  private void join() throws IOException {
    if (!thread.isAlive()) {
      return;
    }
    full.add(end);
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw interrupted();
    }
  }

  private void writeAll() {
    try {
      for (Chunk chunk = full.take(); chunk != end; chunk = full.take()) {
        if (failure == null && !abandoned) {
          write(chunk);
        }
        free.add(chunk);
      }
    } catch (InterruptedException e) {
      failure = e;
    }
  }

  private void write(Chunk chunk) {
    try {
      for (int done = 0; done < chunk.pages; done += blockPages) {
        int pages = Math.min(blockPages, chunk.pages - done);
        writer.block(chunk.buffer, done * MemoryMap.PAGE_BYTES, pages);
      }
    } catch (IOException | RuntimeException | Error e) {
      failure = e;
    }
  }

  private static Chunk take(BlockingQueue<Chunk> queue) throws IOException {
    try {
      return queue.take();
    } catch (InterruptedException e) {
      throw interrupted();
    }
  }

  private static InterruptedIOException interrupted() {
    Thread.currentThread().interrupt();
    return new InterruptedIOException("interrupted while writing an image");
  }

  @Override
  public void close() throws IOException {
    abandoned = true;
    boolean wasInterrupted = false;
    while (thread.isAlive()) {
      try {
        if (!full.contains(end)) {
          full.add(end);
        }
        thread.join();
      } catch (InterruptedException e) {
        wasInterrupted = true; // the thread ends by itself; its memory is not freed before that
      }
    }
    if (wasInterrupted) {
      Thread.currentThread().interrupt();
    }
    writer.close();
    arena.close();
  }
}
