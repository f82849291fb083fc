package org.rekindle.lab.simulator;

import java.nio.file.Path;
import java.util.Arrays;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageStore;

/** A page store of which there is only the layout: pages in a given order, in blocks, no bytes. */
public final class LaidOutStore implements PageStore {
  private static final int NONE = -1;

  private final String name;
  private final int[] order;
  private final int[] slotOfPage; // counted over all blocks
  private final int blockPages;
  private final double storedShare;

  /**
   * @param name what it is called in messages
   * @param guestPages pages that the guest has
   * @param order the stored pages as they lie in the file, each once
   * @param blockPages pages of a block
   * @param storedShare how much of its size a block has in the file: 1 if it is stored as it is
   */
  public LaidOutStore(
      String name, int guestPages, int[] order, int blockPages, double storedShare) {
    if (blockPages < 1 || !(storedShare > 0 && storedShare <= 1)) {
      throw new IllegalArgumentException(
          "%s: blocks of %d pages, stored in %.2f of their size"
              .formatted(name, blockPages, storedShare));
    }
    this.name = name;
    this.order = order.clone();
    this.blockPages = blockPages;
    this.storedShare = storedShare;
    slotOfPage = new int[guestPages];
    Arrays.fill(slotOfPage, NONE);
    for (int slot = 0; slot < order.length; slot++) {
      if (slotOfPage[order[slot]] != NONE) {
        throw new IllegalArgumentException(name + " has page " + order[slot] + " twice");
      }
      slotOfPage[order[slot]] = slot;
    }
  }

  @Override
  public Path file() {
    return Path.of(name);
  }

  @Override
  public int blocks() {
    return Math.ceilDiv(order.length, blockPages);
  }

  @Override
  public long offset(int block) {
    return (long) block * storedBytes(blockPages * MemoryMap.PAGE_BYTES, storedShare);
  }

  @Override
  public int storedBytes(int block) {
    return storedBytes(slots(block) * MemoryMap.PAGE_BYTES, storedShare);
  }

  private static int storedBytes(int bytes, double share) {
    return (int) Math.ceil(bytes * share);
  }

  @Override
  public boolean isRaw(int block) {
    return storedShare == 1;
  }

  @Override
  public int slots(int block) {
    return Math.min(blockPages, order.length - block * blockPages);
  }

  @Override
  public int maxSlots() {
    return Math.min(blockPages, order.length);
  }

  @Override
  public int maxStoredBytes() {
    return storedBytes(maxSlots() * MemoryMap.PAGE_BYTES, storedShare);
  }

  @Override
  public int blockOf(int page) {
    return slotOfPage[page] == NONE ? -1 : slotOfPage[page] / blockPages;
  }

  @Override
  public int slotOf(int page) {
    return slotOfPage[page] % blockPages;
  }

  @Override
  public int pagesServed(int block) {
    return slots(block);
  }

  @Override
  public int servedPage(int block, int k) {
    return order[block * blockPages + k];
  }

  /**
   * Not possible: there are no bytes.
   *
   * @throws UnsupportedOperationException always
   */
  @Override
  public Decoder newDecoder() {
    throw new UnsupportedOperationException(name + " has no bytes");
  }
}
