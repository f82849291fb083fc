package org.rekindle.image;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/** Reads and decodes whole blocks, one at a time, through the page cache; for one thread. */
final class BlockReader implements AutoCloseable {
  private final FileStore store;
  private final FileChannel channel;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment stored;
  private final ByteBuffer storedBuffer;
  private final MemorySegment raw;
  private final BlockDecoder decoder;
  private int current = -1;

  BlockReader(FileStore store, FileChannel channel) {
    this.store = store;
    this.channel = channel;
    stored = arena.allocate(Math.max(1, store.maxStoredBytes()));
    storedBuffer = stored.asByteBuffer();
    raw = arena.allocate(Math.max(1, store.maxSlots() * MemoryMap.PAGE_BYTES));
    decoder = store.newDecoder();
  }

  /** The pages of a block; valid until the next call. The same block again costs nothing. */
  MemorySegment read(int block) throws IOException {
    if (block != current) {
      current = -1;
      storedBuffer.clear().limit(store.storedBytes(block));
      while (storedBuffer.hasRemaining()) {
        long at = store.offset(block) + storedBuffer.position();
        if (channel.read(storedBuffer, at) < 0) {
          throw new EOFException(store.file() + " ends at offset " + at + " inside block " + block);
        }
      }
      decoder.decode(block, stored, 0, raw, 0);
      current = block;
    }
    return raw;
  }

  @Override
  public void close() {
    decoder.close();
    arena.close();
  }
}
