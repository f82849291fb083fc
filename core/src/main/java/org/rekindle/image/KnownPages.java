package org.rekindle.image;

import com.dynatrace.hash4j.hashing.HashValue128;
import com.dynatrace.hash4j.hashing.Hasher128;
import com.dynatrace.hash4j.hashing.Hashing;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.SecureRandom;
import java.util.Arrays;

/** Finds the slot that already holds a page's content. */
final class KnownPages {
  /*
   * Identical pages
   *
   * The content of a page is known by its 128-bit XXH3 hash only; the bytes are never compared, as
   * they may long be compressed and on disk, and reading them back would stop the guest for longer
   * than the whole save takes.
   *
   * How that can fail: two different pages with one hash, and the later one would be restored with
   * the content of the earlier. By chance, with n pages, it happens with probability n^2 / 2^129:
   * below 2^-72 for a guest of 1 TiB, far rarer than an undetected memory error while saving. On
   * purpose: XXH3 is not a cryptographic hash, so whoever knows its seed can make collisions. The
   * seed is drawn for each save and never stored. Whoever writes pages blindly would still need both
   * of the pages to be his own, for a given page of somebody else cannot be hit without the seed: he
   * would spoil his own memory.
   *
   * An open-addressing table of slots, with hashes in flat arrays by slot: 24 to 32 bytes a distinct
   * page and no object, where a HashMap would take several times that and a collection in the time
   * in which the guest stands still.
   */
  private static final int EMPTY = 0;

  private final Hasher128 hasher = Hashing.xxh3_128(new SecureRandom().nextLong());
  private final byte[] page = new byte[MemoryMap.PAGE_BYTES];
  private long[] high = new long[1 << 12]; // hashes, by slot
  private long[] low = new long[1 << 12];
  private int[] table = new int[1 << 13]; // slot + 1, or EMPTY; a power of two, at most half full
  private int slots;

  /**
   * The slot whose content this page has.
   *
   * @return a slot below {@link #slots}; or that number itself, which is then the slot of this page
   */
  int slotOf(MemorySegment data, long offset) {
    // By way of an array: that hashes 5.7 GB/s instead of 4.7 through a segment's accessors, and
    // the
    // first 64 MiB of a cold program in 110 instead of 190 ms.
    MemorySegment.copy(data, ValueLayout.JAVA_BYTE, offset, page, 0, MemoryMap.PAGE_BYTES);
    HashValue128 hash = hasher.hashBytesTo128Bits(page);
    long h = hash.getMostSignificantBits();
    long l = hash.getLeastSignificantBits();
    int mask = table.length - 1;
    int at = (int) l & mask;
    for (; table[at] != EMPTY; at = (at + 1) & mask) {
      int slot = table[at] - 1;
      if (low[slot] == l && high[slot] == h) {
        return slot;
      }
    }
    if (slots == high.length) {
      high = Arrays.copyOf(high, Math.multiplyExact(slots, 2));
      low = Arrays.copyOf(low, high.length);
    }
    high[slots] = h;
    low[slots] = l;
    table[at] = ++slots;
    if (slots > table.length / 2) {
      grow();
    }
    return slots - 1;
  }

  /** Number of distinct pages. */
  int slots() {
    return slots;
  }

  private void grow() {
    int[] larger = new int[Math.multiplyExact(table.length, 2)];
    int mask = larger.length - 1;
    for (int slot = 0; slot < slots; slot++) {
      int at = (int) low[slot] & mask;
      while (larger[at] != EMPTY) {
        at = (at + 1) & mask;
      }
      larger[at] = slot + 1;
    }
    table = larger;
  }
}
