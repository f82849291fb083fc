package org.rekindle.restore;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.IdentityHashMap;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageStore;
import org.rekindle.linux.StoreFile;
import org.rekindle.scope.Scope;

/** Blocks from the files of an image, read and decoded by threads of their own. */
final class FileSource implements BlockSource {
  private static final ReaderLimits LIMITS = ReaderLimits.DEFAULT;

  private final Arena arena = Arena.ofShared(); // closed when no thread uses it any more
  private final Scope scope = new Scope();
  private final BlockIo.Meter meter = new BlockIo.Meter();
  private final @Nullable DecodedBlocks shared;
  private final BlockStream stream;
  private final DemandReader[] readers = new DemandReader[LIMITS.demandReaders()];
  private final BlockIo atHand; // the pager's own
  private final MemorySegment staging;
  private final BlockBuffer[] demandBuffers;

  /**
   * @param hot the second store that is read from, if there is one
   * @param shared what other restores have read and decoded of the same image
   * @param beforeRead is called before each read of a device
   */
  FileSource(
      PageStore base,
      @Nullable PageStore hot,
      @Nullable DecodedBlocks shared,
      Runnable beforeRead,
      FetchSequence sequence,
      ClaimBitmap claims,
      Runnable wakePager)
      throws IOException {
    this.shared = shared;
    try {
      IdentityHashMap<PageStore, StoreFile> files = new IdentityHashMap<>();
      open(base, files);
      if (hot != null) {
        open(hot, files);
      }
      stream =
          new BlockStream(
              sequence,
              claims,
              scope.add(new BlockIo(files, meter, shared, beforeRead)),
              scope.add(new BlockIo(files, meter, shared, beforeRead)),
              LIMITS,
              arena,
              buffers(LIMITS.streamBuffers(), sequence.maxSlots()),
              shared,
              wakePager);
      int stored = Math.max(base.maxStoredBytes(), hot == null ? 1 : hot.maxStoredBytes());
      for (int i = 0; i < readers.length; i++) {
        BlockIo io = scope.add(new BlockIo(files, meter, shared, beforeRead));
        readers[i] = new DemandReader(io, arena, stored, LIMITS.demandBuffers(), wakePager);
      }
      atHand = scope.add(new BlockIo(files, meter, shared, beforeRead));
      staging = arena.allocate(stored, MemoryMap.PAGE_BYTES);
      int slots = Math.max(base.maxSlots(), hot == null ? 0 : hot.maxSlots());
      demandBuffers = buffers(LIMITS.demandBuffers(), slots);
    } catch (IOException | RuntimeException | Error e) {
      try (arena;
          scope) {
        throw e;
      }
    }
  }

  private void open(PageStore store, IdentityHashMap<PageStore, StoreFile> files)
      throws IOException {
    StoreFile file = scope.add(StoreFile.open(store.file()));
    file.sampleResidency();
    files.put(store, file);
  }

  /** Buffers that hold no shared frame any more once the restore has ended, however it does. */
  private BlockBuffer[] buffers(int count, int slots) throws IOException {
    BlockBuffer[] buffers = BlockBuffer.pool(count, slots, arena, shared);
    scope.add(() -> {
      for (BlockBuffer buffer : buffers) {
        buffer.release();
      }
    });
    return buffers;
  }

  @Override
  public ReaderLimits limits() {
    return LIMITS;
  }

  @Override
  public BlockBuffer[] demandBuffers() {
    return demandBuffers;
  }

  @Override
  public void start() {
    for (int i = 0; i < readers.length; i++) {
      scope.add(readers[i]).start("rekindle-demand-" + i);
    }
    scope.add(stream).start();
  }

  @Override
  public @Nullable BlockBuffer poll() throws IOException {
    stream.throwIfFailed();
    return stream.poll();
  }

  @Override
  public void release(BlockBuffer buffer) {
    stream.release(buffer);
  }

  @Override
  public boolean bringsSoon(PageStore store, int block) {
    return stream.bringsSoon(store, block);
  }

  @Override
  public boolean isDecoded(PageStore store, int block) {
    return atHand.isShared(store, block);
  }

  @Override
  public boolean fetchAtHand(PageStore store, int block, BlockBuffer into) throws IOException {
    return (isDecoded(store, block) && into.show(store, block))
        || atHand.fetchIfCached(store, block, staging, into);
  }

  @Override
  public double inOneGoNs() {
    return stream.order().inOneGoNs();
  }

  @Override
  public void readInOneGo() {
    stream.order().readInOneGo();
  }

  @Override
  public void request(BlockBuffer buffer) {
    stream.order().missed(buffer.store(), buffer.block());
    leastBusyReader().request(buffer);
  }

  private DemandReader leastBusyReader() {
    DemandReader least = readers[0];
    for (DemandReader reader : readers) {
      if (reader.inFlight() < least.inFlight()) {
        least = reader;
      }
    }
    return least;
  }

  @Override
  public @Nullable BlockBuffer pollRequested() throws IOException {
    for (DemandReader reader : readers) {
      reader.throwIfFailed();
      BlockBuffer buffer = reader.poll();
      if (buffer != null) {
        return buffer;
      }
    }
    return null;
  }

  @Override
  public long bytesRead() {
    return meter.bytes.sum();
  }

  @Override
  public long reads() {
    return meter.reads.sum();
  }

  @Override
  public void close() throws IOException {
    try (arena) {
      scope.close();
    }
  }
}
