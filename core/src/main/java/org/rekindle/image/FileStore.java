package org.rekindle.image;

import java.nio.file.Path;
import java.util.Arrays;

/**
 * A page store in a file, with its index opened out into flat arrays: every question is answered by
 * one or two loads, since the pager asks them while a guest waits.
 *
 * <p>It takes eight to twelve bytes for each page of the guest: 3 MiB for 1 GiB.
 */
final class FileStore implements PageStore {
  private final Path file;
  private final BlockTable table;
  private final long[] offset; // of each block
  private final int[] firstSlot; // of each block, and the total at the end
  private final int[] blockOfSlot;
  private final int[] slotOfPage; // counted over all blocks, or NONE
  private final int[] firstServed; // of each block in served, and the total at the end
  private final int[] served; // pages, ascending by slot and then by page
  private final int maxSlots;
  private final int maxStoredBytes;
  private final boolean hasZstd;

  FileStore(Path file, StoreIndex index) {
    this.file = file;
    this.table = index.blocks();
    this.slotOfPage = index.slotOfPage();
    int blocks = table.blocks();
    offset = new long[blocks];
    firstSlot = new int[blocks + 1];
    blockOfSlot = new int[table.slots()];
    int mostSlots = 0;
    int mostBytes = 0;
    boolean anyZstd = false;
    long at = 0;
    for (int b = 0; b < blocks; b++) {
      offset[b] = at;
      at += table.storedBytes(b);
      firstSlot[b + 1] = firstSlot[b] + table.slots(b);
      Arrays.fill(blockOfSlot, firstSlot[b], firstSlot[b + 1], b);
      mostSlots = Math.max(mostSlots, table.slots(b));
      mostBytes = Math.max(mostBytes, table.storedBytes(b));
      anyZstd |= table.codec(b) == Codec.ZSTD;
    }
    maxSlots = mostSlots;
    maxStoredBytes = mostBytes;
    hasZstd = anyZstd;

    // A counting sort of the pages by slot.
    int[] cursor = new int[table.slots() + 1];
    for (int slot : slotOfPage) {
      if (slot != StoreIndex.NONE) {
        cursor[slot + 1]++;
      }
    }
    for (int s = 0; s < table.slots(); s++) {
      cursor[s + 1] += cursor[s];
    }
    firstServed = new int[blocks + 1];
    for (int b = 0; b <= blocks; b++) {
      firstServed[b] = cursor[firstSlot[b]];
    }
    served = new int[cursor[table.slots()]];
    for (int page = 0; page < slotOfPage.length; page++) {
      int slot = slotOfPage[page];
      if (slot != StoreIndex.NONE) {
        served[cursor[slot]++] = page;
      }
    }
  }

  @Override
  public Path file() {
    return file;
  }

  @Override
  public int blocks() {
    return offset.length;
  }

  @Override
  public long offset(int block) {
    return offset[block];
  }

  @Override
  public int storedBytes(int block) {
    return table.storedBytes(block);
  }

  @Override
  public boolean isRaw(int block) {
    return table.codec(block) == Codec.RAW;
  }

  @Override
  public int slots(int block) {
    return table.slots(block);
  }

  @Override
  public int maxSlots() {
    return maxSlots;
  }

  @Override
  public int maxStoredBytes() {
    return maxStoredBytes;
  }

  @Override
  public int blockOf(int page) {
    int slot = slotOfPage[page];
    return slot == StoreIndex.NONE ? -1 : blockOfSlot[slot];
  }

  @Override
  public int slotOf(int page) {
    int slot = slotOfPage[page];
    return slot - firstSlot[blockOfSlot[slot]];
  }

  @Override
  public int pagesServed(int block) {
    return firstServed[block + 1] - firstServed[block];
  }

  @Override
  public int servedPage(int block, int k) {
    return served[firstServed[block] + k];
  }

  @Override
  public BlockDecoder newDecoder() {
    return new BlockDecoder(this);
  }

  Codec codec(int block) {
    return table.codec(block);
  }

  /** Whether any block is stored in zstd. */
  boolean hasZstd() {
    return hasZstd;
  }

  int crc32c(int block) {
    return table.crc32c(block);
  }

  /** Slots of all blocks. */
  int slots() {
    return blockOfSlot.length;
  }

  /** Bytes of all blocks. */
  long bytes() {
    return table.bytes();
  }

  /** Pages that are in this store. */
  int pages() {
    return served.length;
  }

  /** The slot of a page counted over all blocks, or {@link StoreIndex#NONE}. */
  int globalSlotOf(int page) {
    return slotOfPage[page];
  }

  /** The block of a slot counted over all blocks. */
  int blockOfSlot(int slot) {
    return blockOfSlot[slot];
  }

  /** The first slot of a block, counted over all blocks. */
  int firstSlot(int block) {
    return firstSlot[block];
  }
}
