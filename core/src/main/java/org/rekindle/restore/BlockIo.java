package org.rekindle.restore;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.IdentityHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.PageStore;
import org.rekindle.linux.StoreFile;

/**
 * Reads and decodes blocks for one thread: the open files are shared, the decoders are this
 * thread's own.
 */
final class BlockIo implements AutoCloseable {
  /** What was asked of the device or its cache. */
  static final class Meter {
    final LongAdder reads = new LongAdder();
    final LongAdder bytes = new LongAdder();
  }

  private static final int ALIGNMENT = 4096;

  private final IdentityHashMap<PageStore, StoreFile> files;
  private final IdentityHashMap<PageStore, PageStore.Decoder> decoders = new IdentityHashMap<>();
  private final Meter meter;
  private final @Nullable DecodedBlocks shared;
  private final Runnable beforeRead;

  /**
   * @param shared what other restores have decoded, if there are any
   * @param beforeRead is called before each read that may go to the device
   */
  BlockIo(
      IdentityHashMap<PageStore, StoreFile> files,
      Meter meter,
      @Nullable DecodedBlocks shared,
      Runnable beforeRead) {
    this.files = files;
    this.meter = meter;
    this.shared = shared;
    this.beforeRead = beforeRead;
    files.keySet().forEach(store -> decoders.put(store, store.newDecoder()));
  }

  /** Reads the bytes from {@code begin} (a multiple of 4096) to {@code end} of a store's file. */
  void readExtent(PageStore store, long begin, long end, MemorySegment into) throws IOException {
    beforeRead.run();
    StoreFile file = file(store);
    int bytes = (int) ((end - begin + ALIGNMENT - 1) & -ALIGNMENT);
    int read =
        file.isResident(begin, end - begin)
            ? file.readBuffered(begin, into, bytes)
            : file.readDirect(begin, into, bytes);
    check(store, begin, end - begin, read);
  }

  /** Reads one block through the page cache, waiting for the device if it must. */
  void readBlock(PageStore store, int block, MemorySegment into) throws IOException {
    beforeRead.run();
    int bytes = store.storedBytes(block);
    check(
        store,
        store.offset(block),
        bytes,
        file(store).readBuffered(store.offset(block), into, bytes));
  }

  /** Reads and decodes one block if it is in the page cache; a raw one without a detour. */
  boolean fetchIfCached(PageStore store, int block, MemorySegment staging, BlockBuffer into)
      throws IOException {
    into.prepare();
    boolean fetched = false;
    try {
      boolean raw = store.isRaw(block);
      MemorySegment stored = raw ? into.raw : staging;
      long at = raw ? into.rawOffset : 0;
      int bytes = store.storedBytes(block);
      int read = file(store).readCached(store.offset(block), stored, at, bytes);
      if (read != StoreFile.NOT_CACHED) {
        check(store, store.offset(block), bytes, read);
        decode(store, block, stored, at, into);
        fetched = true;
      }
    } finally {
      if (!fetched) {
        into.release();
      }
    }
    return fetched;
  }

  /** Whether another restore had decoded this block a moment ago. */
  boolean isShared(PageStore store, int block) {
    return shared != null && shared.has(shared.key(store, block));
  }

  void decode(PageStore store, int block, MemorySegment stored, long offset, BlockBuffer into)
      throws IOException {
    into.prepare();
    boolean decoded = false;
    try {
      decoder(store).decode(block, stored, offset, into.raw, into.rawOffset);
      into.decoded(store, block);
      decoded = true;
    } finally {
      if (!decoded) {
        into.release();
      }
    }
  }

  private void check(PageStore store, long offset, long expected, int read) throws IOException {
    if (read < expected) {
      throw new IOException(
          store.file()
              + ": truncated: "
              + expected
              + " bytes expected at offset "
              + offset
              + ", "
              + read
              + " found");
    }
    meter.reads.increment();
    meter.bytes.add(read);
  }

  private StoreFile file(PageStore store) {
    StoreFile file = files.get(store);
    if (file == null) {
      throw new IllegalArgumentException("not a store of this restore: " + store.file());
    }
    return file;
  }

  private PageStore.Decoder decoder(PageStore store) {
    PageStore.Decoder decoder = decoders.get(store);
    if (decoder == null) {
      throw new IllegalArgumentException("not a store of this restore: " + store.file());
    }
    return decoder;
  }

  /** Throws what ended a reader thread, if anything did. */
  static void throwIfFailed(@Nullable Throwable failure) throws IOException {
    if (failure != null) {
      throw failure instanceof IOException io
          ? io
          : new IOException("reading the image failed", failure);
    }
  }

  /** Waits for a reader thread to end; reads are bounded, so it does. */
  static void join(Thread thread) {
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException later) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    decoders.values().forEach(PageStore.Decoder::close);
  }
}
