package org.rekindle.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.util.Arrays;
import java.util.zip.DataFormatException;
import org.rekindle.envelope.Envelope;

/**
 * The index of a page store: which blocks its file has and which page is in which slot of them. An
 * {@link Envelope} with magic {@code RKDLINDX}, version 1; its body, little-endian:
 *
 * <pre>
 * offset bytes
 *  0      4    pages of the guest
 *  4      4    number of blocks b
 *  8      4    slots of all blocks
 * 12      4    number of runs r
 * 16      8    bytes of the page file
 * 24      4 b  stored bytes of each block; blocks lie end to end, so these give the offsets too
 *  -      b    slots of each block, less one
 *  -      b    codec of each block: 0 raw, 1 LZ4, 2 zstd
 *  -      4 b  CRC32C of the stored bytes of each block
 *  -      4 r  first page of each run, ascending
 *  -      4 r  pages of each run, at least one; runs do not overlap
 *  -      4 r  slot of the first page of each run, the others following it; counted over all blocks
 * </pre>
 *
 * <p>A page in no run is not in the store. Two runs may name the same slots (identical pages); a
 * slot may be in no run (its page was saved again later). A block that is not raw is shorter than
 * its slots.
 */
final class StoreIndex {
  static final int NONE = -1;

  private static final String MAGIC = "RKDLINDX";
  private static final int VERSION = 1;
  private static final int HEADER_BYTES = 24;
  private static final int BYTES_PER_BLOCK = 4 + 1 + 1 + 4;
  private static final int BYTES_PER_RUN = 3 * 4;

  /** The body is one array; 1 GiB of it describes 340 GiB of guest even at one run a page. */
  private static final int MAX_BODY_BYTES = 1 << 30;

  private final BlockTable blocks;
  private final int[] slotOfPage;

  /**
   * @param slotOfPage for each page of the guest its slot, counted over all blocks, or {@link
   *     #NONE}; not copied
   */
  StoreIndex(BlockTable blocks, int[] slotOfPage) {
    this.blocks = blocks;
    this.slotOfPage = slotOfPage;
  }

  BlockTable blocks() {
    return blocks;
  }

  int[] slotOfPage() {
    return slotOfPage;
  }

  byte[] encode() {
    int runs = countRuns();
    long bodyBytes =
        HEADER_BYTES + (long) blocks.blocks() * BYTES_PER_BLOCK + (long) runs * BYTES_PER_RUN;
    if (bodyBytes > MAX_BODY_BYTES) {
      throw new IllegalStateException(
          "index of " + bodyBytes + " bytes: this guest is too large or too fragmented");
    }
    ByteBuffer body = ByteBuffer.allocate((int) bodyBytes).order(ByteOrder.LITTLE_ENDIAN);
    body.putInt(slotOfPage.length)
        .putInt(blocks.blocks())
        .putInt(blocks.slots())
        .putInt(runs)
        .putLong(blocks.bytes());
    for (int b = 0; b < blocks.blocks(); b++) {
      body.putInt(blocks.storedBytes(b));
    }
    for (int b = 0; b < blocks.blocks(); b++) {
      body.put((byte) (blocks.slots(b) - 1));
    }
    for (int b = 0; b < blocks.blocks(); b++) {
      body.put(blocks.codec(b).code());
    }
    for (int b = 0; b < blocks.blocks(); b++) {
      body.putInt(blocks.crc32c(b));
    }
    int firstPages = body.position();
    int run = 0;
    for (int page = 0; page < slotOfPage.length; ) {
      int pages = runLength(page);
      if (slotOfPage[page] != NONE) {
        body.putInt(firstPages + 4 * run, page);
        body.putInt(firstPages + 4 * (runs + run), pages);
        body.putInt(firstPages + 4 * (2 * runs + run), slotOfPage[page]);
        run++;
      }
      page += pages;
    }
    return Envelope.seal(MAGIC, VERSION, body.array());
  }

  private int countRuns() {
    int runs = 0;
    for (int page = 0; page < slotOfPage.length; page += runLength(page)) {
      if (slotOfPage[page] != NONE) {
        runs++;
      }
    }
    return runs;
  }

  /** Pages from here on that are all absent, or all in slots that follow each other. */
  private int runLength(int page) {
    int slot = slotOfPage[page];
    int step = slot == NONE ? 0 : 1;
    int end = page + 1;
    while (end < slotOfPage.length && slotOfPage[end] == slot + (end - page) * step) {
      end++;
    }
    return end - page;
  }

  /**
   * Decodes an index and checks that it can be true.
   *
   * @param guestPages pages that the guest has, by the manifest
   * @param pageFileBytes length of the page file
   */
  static StoreIndex decode(byte[] file, int guestPages, long pageFileBytes)
      throws DataFormatException {
    long maxBody =
        HEADER_BYTES + pageFileBytes * BYTES_PER_BLOCK + (long) guestPages * BYTES_PER_RUN;
    ByteBuffer body =
        Envelope.open(file, MAGIC, VERSION, Math.min(MAX_BODY_BYTES, Math.max(0, maxBody)));
    if (body.remaining() < HEADER_BYTES) {
      throw new DataFormatException("body of " + body.remaining() + " bytes has no header");
    }
    expect("pages of the guest", body.getInt(), guestPages);
    int blocks = body.getInt();
    int slots = body.getInt();
    int runs = body.getInt();
    expect("bytes of the page file", body.getLong(), pageFileBytes);
    if (blocks < 0
        || runs < 0
        || body.remaining() != (long) blocks * BYTES_PER_BLOCK + (long) runs * BYTES_PER_RUN) {
      throw new DataFormatException(
          "%d blocks and %d runs do not fill the body of %d bytes"
              .formatted(blocks, runs, body.limit()));
    }
    BlockTable table = blocks(body, blocks);
    expect("slots", table.slots(), slots);
    expect("bytes of all blocks", table.bytes(), pageFileBytes);
    return new StoreIndex(table, runs(body, runs, guestPages, slots));
  }

  private static BlockTable blocks(ByteBuffer body, int blocks) throws DataFormatException {
    int at = body.position();
    BlockTable table = new BlockTable(blocks);
    long allSlots = 0;
    for (int b = 0; b < blocks; b++) {
      int storedBytes = body.getInt(at + 4 * b);
      int slots = (body.get(at + 4 * blocks + b) & 0xff) + 1;
      Codec codec =
          switch (body.get(at + 5 * blocks + b)) {
            case 0 -> Codec.RAW;
            case 1 -> Codec.LZ4;
            case 2 -> Codec.ZSTD;
            default -> throw new DataFormatException("block " + b + " has an unknown codec");
          };
      int rawBytes = slots * MemoryMap.PAGE_BYTES;
      boolean fits =
          codec == Codec.RAW ? storedBytes == rawBytes : storedBytes > 0 && storedBytes < rawBytes;
      allSlots += slots;
      if (!fits || allSlots > Integer.MAX_VALUE) {
        throw new DataFormatException(
            "block %d cannot have %d bytes for %d slots (%s)"
                .formatted(b, storedBytes, slots, codec));
      }
      table.add(storedBytes, slots, codec, body.getInt(at + 6 * blocks + 4 * b));
    }
    body.position(at + blocks * BYTES_PER_BLOCK);
    return table;
  }

  private static int[] runs(ByteBuffer body, int runs, int guestPages, int slots)
      throws DataFormatException {
    IntBuffer columns = body.asIntBuffer();
    int[] slotOfPage = new int[guestPages];
    int free = 0; // first page that no run has reached
    for (int r = 0; r < runs; r++) {
      int first = columns.get(r);
      int pages = columns.get(runs + r);
      int slot = columns.get(2 * runs + r);
      if (first < free || pages < 1 || pages > guestPages - first) {
        throw new DataFormatException(
            "run %d of %d pages cannot start at page %d".formatted(r, pages, first));
      }
      if (slot < 0 || slot > slots - pages) {
        throw new DataFormatException(
            "run %d of %d pages cannot start at slot %d of %d".formatted(r, pages, slot, slots));
      }
      Arrays.fill(slotOfPage, free, first, NONE);
      for (int i = 0; i < pages; i++) {
        slotOfPage[first + i] = slot + i;
      }
      free = first + pages;
    }
    Arrays.fill(slotOfPage, free, guestPages, NONE);
    return slotOfPage;
  }

  private static void expect(String what, long found, long expected) throws DataFormatException {
    if (found != expected) {
      throw new DataFormatException(what + ": found " + found + ", expected " + expected);
    }
  }
}
