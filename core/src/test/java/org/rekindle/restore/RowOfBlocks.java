package org.rekindle.restore;

import java.nio.file.Path;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageStore;

/**
 * The layout of a store that has every page of a guest in its order, each in a block of its own.
 */
record RowOfBlocks(int blocks) implements PageStore {
  @Override
  public Path file() {
    return Path.of("row");
  }

  @Override
  public long offset(int block) {
    return (long) block * MemoryMap.PAGE_BYTES;
  }

  @Override
  public int storedBytes(int block) {
    return MemoryMap.PAGE_BYTES;
  }

  @Override
  public boolean isRaw(int block) {
    return true;
  }

  @Override
  public int slots(int block) {
    return 1;
  }

  @Override
  public int maxSlots() {
    return 1;
  }

  @Override
  public int maxStoredBytes() {
    return MemoryMap.PAGE_BYTES;
  }

  @Override
  public int blockOf(int page) {
    return page;
  }

  @Override
  public int slotOf(int page) {
    return 0;
  }

  @Override
  public int pagesServed(int block) {
    return 1;
  }

  @Override
  public int servedPage(int block, int k) {
    return block;
  }

  @Override
  public Decoder newDecoder() {
    throw new UnsupportedOperationException("there are no bytes");
  }
}
