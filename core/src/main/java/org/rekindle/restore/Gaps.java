package org.rekindle.restore;

/*
 * Counted in buckets that are 1/16 of their power of two wide, so a quantile is at most 6 % too high;
 * the longest is exact. Noting one allocates nothing.
 */

/** Lengths of time: written by the pager thread, read by others once the restore is over. */
public final class Gaps {
  private static final int FINE_BITS = 4;
  private static final int FINE = 1 << FINE_BITS;

  private final long[] counts = new long[(Long.SIZE - FINE_BITS) * FINE];
  private long count;
  private long longestNs;

  Gaps() {}

  void note(long ns) {
    counts[bucket(Math.max(0, ns))]++;
    count++;
    longestNs = Math.max(longestNs, ns);
  }

  /** The first 32 buckets are exact, then 16 for each power of two. */
  private static int bucket(long ns) {
    int shift = Math.max(0, Long.SIZE - 1 - FINE_BITS - Long.numberOfLeadingZeros(ns | 1));
    return shift * FINE + (int) (ns >>> shift);
  }

  /** How many there were. */
  public long count() {
    return count;
  }

  public long longestNs() {
    return longestNs;
  }

  /** What this share of them did not exceed, as the end of its bucket; 0 if there were none. */
  public long quantileNs(double share) {
    long rank = (long) Math.ceil(share * count);
    long seen = 0;
    for (int i = 0; i < counts.length; i++) {
      seen += counts[i];
      if (seen >= rank && seen > 0) {
        return Math.min(longestNs, end(i));
      }
    }
    return 0;
  }

  /** How many were longer than this, to the width of a bucket. */
  public long longerThan(long ns) {
    long longer = 0;
    for (int i = bucket(ns) + 1; i < counts.length; i++) {
      longer += counts[i];
    }
    return longer;
  }

  private static long end(int bucket) {
    int shift = Math.max(0, bucket / FINE - 1);
    return ((bucket - shift * FINE + 1L) << shift) - 1;
  }
}
