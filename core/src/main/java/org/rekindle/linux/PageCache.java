package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * Which pages of a file are in the page cache, as a bit for each page.
 *
 * <p>mincore(2) on a mapping that is never touched: touching it would read the page in.
 * (cachestat(2) would need no mapping, but counts only and needs Linux 6.5.) Since Linux 5.2 the
 * kernel tells the truth only to those who could write the file, and says "all resident" to others.
 */
final class PageCache {
  private static final int PAGE_BYTES = 4096;

  /** Asked about at a time: 64 KiB of answers stand for 256 MiB of file. */
  private static final int STEP_PAGES = 1 << 16;

  private PageCache() {}

  static long[] residency(int fd, long fileBytes, Path file) throws IOException {
    if (fileBytes == 0) {
      return new long[0];
    }
    long mapping = Libc.mmap(fileBytes, Abi.PROT_READ, Abi.MAP_SHARED, fd, 0);
    if (mapping < 0) {
      throw new LinuxException("map " + file, (int) -mapping);
    }
    try {
      return residency(mapping, (fileBytes + PAGE_BYTES - 1) / PAGE_BYTES, file);
    } finally {
      // SAFETY: mapped above with this length, and known to nobody else.
      Libc.munmap(mapping, fileBytes);
    }
  }

  private static long[] residency(long mapping, long pages, Path file) throws IOException {
    long[] bits = new long[Math.toIntExact((pages + 63) / 64)];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment answers = arena.allocate(STEP_PAGES);
      for (long first = 0; first < pages; first += STEP_PAGES) {
        int step = (int) Math.min(STEP_PAGES, pages - first);
        // SAFETY: first + step pages lie within the mapping; one byte is written for each of step.
        int result =
            Libc.mincore(mapping + first * PAGE_BYTES, (long) step * PAGE_BYTES, answers.address());
        if (result < 0) {
          throw new LinuxException("ask which pages of " + file + " are cached", -result);
        }
        for (int i = 0; i < step; i++) {
          long bit = answers.get(JAVA_BYTE, i) & 1;
          bits[(int) ((first + i) / 64)] |= bit << (first + i);
        }
      }
    }
    return bits;
  }

  /** Whether all bits from first to last are set; bits that there are not are not set. */
  static boolean allSet(long[] bits, long first, long last) {
    if (last / 64 >= bits.length) {
      return false;
    }
    for (long page = first; page <= last; ) {
      long mask = -1L << page;
      if (page / 64 == last / 64) {
        mask &= -1L >>> ~last;
      }
      if ((bits[(int) (page / 64)] & mask) != mask) {
        return false;
      }
      page = (page / 64 + 1) * 64;
    }
    return true;
  }
}
