package org.rekindle.image;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;

/**
 * Reads single pages of an image, in any order, for one thread: for tests and comparisons. It keeps
 * the last block, so ascending pages cost one decoding a block. Not made for answering faults.
 */
public final class PageReader implements AutoCloseable {
  private final FileStore store;
  private final BlockReader blocks;

  PageReader(FileStore store, FileChannel channel) {
    this.store = store;
    blocks = new BlockReader(store, channel);
  }

  /**
   * Reads a page; a page that is not stored reads as zeros.
   *
   * @param into takes 4096 bytes from {@code offset} on
   * @throws CorruptImageException if the block of the page is damaged
   */
  public void read(int page, MemorySegment into, long offset) throws IOException {
    int block = store.blockOf(page);
    if (block < 0) {
      into.asSlice(offset, MemoryMap.PAGE_BYTES).fill((byte) 0);
    } else {
      MemorySegment raw = blocks.read(block);
      long slot = (long) store.slotOf(page) * MemoryMap.PAGE_BYTES;
      MemorySegment.copy(raw, slot, into, offset, MemoryMap.PAGE_BYTES);
    }
  }

  @Override
  public void close() {
    blocks.close();
  }
}
