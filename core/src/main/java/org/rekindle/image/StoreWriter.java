package org.rekindle.image;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** Writes the page file of a store, block behind block; one thread at a time. */
final class StoreWriter implements AutoCloseable {
  /**
   * After this many bytes the disk is told to start, so that little is left to wait for at the end.
   */
  private static final int SYNC_BYTES = 64 << 20;

  private final Path file;
  private final FileChannel channel;
  private final BlockTable table = new BlockTable(1024);
  private CompletableFuture<@Nullable IOException> sync = CompletableFuture.completedFuture(null);
  private long unsyncedBytes;

  /** Creates the file, which must not exist. */
  StoreWriter(Path file) throws IOException {
    this.file = file;
    try {
      channel = FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
    } catch (IOException e) {
      throw Durable.cannotWrite(file, e);
    }
  }

  /**
   * Appends blocks.
   *
   * @param bytes of all of them, end to end
   */
  void append(ByteBuffer bytes, BlockTable blocks) throws IOException {
    unsyncedBytes += bytes.remaining();
    try {
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    } catch (IOException e) {
      throw Durable.cannotWrite(file, e);
    }
    table.addAll(blocks);
    if (unsyncedBytes >= SYNC_BYTES && sync.isDone()) {
      awaitSync();
      unsyncedBytes = 0;
      sync = CompletableFuture.supplyAsync(this::force, Thread.ofPlatform().daemon()::start);
    }
  }

  /** Throws what the last sync has found: the kernel reports an error of the disk only once. */
  private void awaitSync() throws IOException {
    IOException failure = sync.join();
    if (failure != null) {
      throw Durable.cannotWrite(file, failure);
    }
  }

  private @Nullable IOException force() {
    try {
      channel.force(true);
      return null;
    } catch (IOException e) {
      return e;
    }
  }

  /** Waits until the disk has everything. */
  BlockTable finish() throws IOException {
    awaitSync();
    sync = CompletableFuture.completedFuture(force());
    awaitSync();
    return table;
  }

  @Override
  public void close() throws IOException {
    sync.join(); // it uses the channel
    channel.close();
  }
}
