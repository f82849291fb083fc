package org.rekindle.image;

import java.util.Arrays;

/** The blocks of a store in file order, as they are written or as they are read from its index. */
final class BlockTable {
  private int[] storedBytes;
  private byte[] lastSlot; // slots less one: 1 to 256 fits a byte
  private Codec[] codec;
  private int[] crc32c;
  private int blocks;
  private int slots;
  private long bytes;

  BlockTable(int capacity) {
    storedBytes = new int[capacity];
    lastSlot = new byte[capacity];
    codec = new Codec[capacity];
    crc32c = new int[capacity];
  }

  void add(int blockBytes, int blockSlots, Codec blockCodec, int blockCrc32c) {
    if (blocks == storedBytes.length) {
      int capacity = Math.max(1024, Math.multiplyExact(blocks, 2));
      storedBytes = Arrays.copyOf(storedBytes, capacity);
      lastSlot = Arrays.copyOf(lastSlot, capacity);
      codec = Arrays.copyOf(codec, capacity);
      crc32c = Arrays.copyOf(crc32c, capacity);
    }
    storedBytes[blocks] = blockBytes;
    lastSlot[blocks] = (byte) (blockSlots - 1);
    codec[blocks] = blockCodec;
    crc32c[blocks] = blockCrc32c;
    blocks++;
    slots = Math.addExact(slots, blockSlots);
    bytes += blockBytes;
  }

  void addAll(BlockTable other) {
    for (int b = 0; b < other.blocks; b++) {
      add(other.storedBytes[b], other.slots(b), other.codec[b], other.crc32c[b]);
    }
  }

  void clear() {
    blocks = 0;
    slots = 0;
    bytes = 0;
  }

  int blocks() {
    return blocks;
  }

  /** Slots of all blocks. */
  int slots() {
    return slots;
  }

  /** Bytes of all blocks: the length of the page file. */
  long bytes() {
    return bytes;
  }

  int storedBytes(int block) {
    return storedBytes[block];
  }

  int slots(int block) {
    return (lastSlot[block] & 0xff) + 1;
  }

  Codec codec(int block) {
    return codec[block];
  }

  int crc32c(int block) {
    return crc32c[block];
  }
}
