package org.rekindle.image;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingDeque;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingDeque;
import org.jspecify.annotations.Nullable;

/**
 * Takes the pages of a store on the caller's thread; compresses and writes them on threads of its
 * own.
 *
 * <p>While a machine is saved it stands still, so the caller must not wait for a codec or a disk.
 * It copies pages into chunks, a bounded number of which go round between it and the other threads:
 * memory stays bounded, and what is slower than the guest's memory for long slows the caller down.
 *
 * <p>The threads compress side by side and append in turn, so that the store keeps the order in
 * which the pages came. An error of theirs is kept and thrown at the caller's next call; until then
 * they go on taking chunks, so that the caller never waits for a thread that has died.
 */
final class StorePipeline implements AutoCloseable {
  /** A chunk of 1 MiB wakes a thread once, not for each of its sixteen blocks. */
  private static final int CHUNK_PAGES = 256;

  /**
   * 64 MiB in flight at most, allocated only as far as the codec or the disk falls behind: rides
   * out a stall of the disk of 60 ms at 1 GB/s. The page cache behind it is the larger buffer.
   */
  private static final int MAX_CHUNKS = 64;

  /**
   * Two LZ4 threads (0.8 GB/s each) keep pace with the stream of a stock QEMU (1.2 GB/s); a third
   * would take a core away from the machines that go on running.
   */
  private static final int THREADS = 2;

  private static final class Chunk {
    final MemorySegment segment;
    final ByteBuffer buffer;
    int pages;
    long turn;

    Chunk(MemorySegment segment) {
      this.segment = segment;
      this.buffer = segment.asByteBuffer();
    }
  }

  private final int chunkPages;
  private final StoreWriter writer;
  private final Arena arena = Arena.ofShared();
  private final BlockingDeque<Chunk> free = new LinkedBlockingDeque<>();
  private final BlockingQueue<Chunk> full = new ArrayBlockingQueue<>(MAX_CHUNKS + 1);
  private final Chunk end = new Chunk(MemorySegment.NULL);
  private final List<Thread> threads = new ArrayList<>();

  private @Nullable Chunk current; // the caller's
  private int chunks; // made so far
  private long turns; // given out so far
  private boolean ended;

  private final Object turnLock = new Object();
  private long turn; // guarded by turnLock, as is the writer

  private volatile @Nullable Throwable failure;
  private volatile boolean abandoned;

  /** Creates the page file, which must not exist. */
  StorePipeline(Path file, ImageWriter.Options options) throws IOException {
    chunkPages = Math.max(1, CHUNK_PAGES / options.blockPages()) * options.blockPages();
    writer = new StoreWriter(file);
    for (int i = 0; i < THREADS; i++) {
      BlockEncoder encoder = new BlockEncoder(options, chunkPages);
      threads.add(
          Thread.ofPlatform().name("image-writer-" + i).daemon().start(() -> work(encoder)));
    }
  }

  /** Appends a page; it gets the next slot. */
  void page(MemorySegment data, long offset) throws IOException {
    Chunk chunk = current;
    if (chunk == null) {
      chunk = freeChunk();
      chunk.pages = 0;
      current = chunk;
    }
    long at = (long) chunk.pages * MemoryMap.PAGE_BYTES;
    MemorySegment.copy(data, offset, chunk.segment, at, MemoryMap.PAGE_BYTES);
    if (++chunk.pages == chunkPages) {
      handOver(chunk);
    }
  }

  private void handOver(Chunk chunk) {
    chunk.turn = turns++;
    full.add(chunk);
    current = null;
  }

  private Chunk freeChunk() throws IOException {
    Chunk chunk = free.poll();
    if (chunk != null) {
      return chunk;
    }
    if (chunks < MAX_CHUNKS) {
      chunks++;
      return new Chunk(arena.allocate((long) chunkPages * MemoryMap.PAGE_BYTES));
    }
    try {
      return free.take();
    } catch (InterruptedException e) {
      throw interrupted();
    }
  }

  /** Throws what has gone wrong on the other threads. */
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
      handOver(last);
    }
    end();
    try {
      for (Thread thread : threads) {
        thread.join();
      }
    } catch (InterruptedException e) {
      throw interrupted();
    }
    check();
    return writer.finish();
  }

  private void end() {
    if (!ended) {
      full.add(end);
      ended = true;
    }
  }

  private void work(BlockEncoder encoder) {
    try (encoder) {
      for (Chunk chunk = full.take(); chunk != end; chunk = full.take()) {
        long myTurn = chunk.turn;
        boolean encoded = encode(encoder, chunk);
        free.addFirst(chunk); // the next page finds it in the processor's cache
        synchronized (turnLock) {
          while (turn != myTurn) {
            turnLock.wait();
          }
          append(encoder, encoded);
          turn++;
          turnLock.notifyAll();
        }
      }
      full.add(end); // for the other threads
    } catch (InterruptedException e) {
      failure = e;
    }
  }

  private boolean encode(BlockEncoder encoder, Chunk chunk) {
    if (failure != null || abandoned) {
      return false;
    }
    try {
      encoder.encode(chunk.buffer, chunk.pages);
      return true;
    } catch (RuntimeException | Error e) {
      failure = e;
      return false;
    }
  }

  private void append(BlockEncoder encoder, boolean encoded) {
    if (!encoded || failure != null || abandoned) {
      return;
    }
    try {
      writer.append(encoder.output(), encoder.table());
    } catch (IOException | RuntimeException | Error e) {
      failure = e;
    }
  }

  private static InterruptedIOException interrupted() {
    Thread.currentThread().interrupt();
    return new InterruptedIOException("interrupted while writing an image");
  }

  /** Ends the threads, whatever they still had to write, and closes the file. */
  @Override
  public void close() throws IOException {
    abandoned = true;
    end();
    boolean interrupted = false;
    for (Thread thread : threads) {
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true; // they end by themselves; their memory is not freed before that
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    arena.close();
    writer.close();
  }
}
