package org.rekindle.guest.qemu;

/** A set of page numbers that only grows; allocates nothing after the constructor. */
final class PageBits {
  private final long[] words;
  private int count;

  PageBits(int pages) {
    this.words = new long[(pages + 63) >>> 6];
  }

  boolean get(int page) {
    return (words[page >>> 6] & 1L << page) != 0;
  }

  /** Adds a page that is not in the set. */
  void set(int page) {
    words[page >>> 6] |= 1L << page;
    count++;
  }

  int count() {
    return count;
  }

  /** The first page of {@code [from, end)} in the set; {@code end} if there is none. */
  int nextSet(int from, int end) {
    return next(from, end, 0);
  }

  /** The first page of {@code [from, end)} that is not in the set; {@code end} if there is none. */
  int nextClear(int from, int end) {
    return next(from, end, -1L);
  }

  private int next(int from, int end, long flip) {
    int page = from;
    while (page < end) {
      long rest = (words[page >>> 6] ^ flip) >>> page;
      if (rest != 0) {
        return Math.min(end, page + Long.numberOfTrailingZeros(rest));
      }
      int step = 64 - (page & 63);
      if (step >= end - page) {
        break;
      }
      page += step;
    }
    return end;
  }
}
