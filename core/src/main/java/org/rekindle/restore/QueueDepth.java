package org.rekindle.restore;

/**
 * How many bulk reads a device should have at the same time: as few as give its bandwidth.
 *
 * <p>Not safe for use by several threads.
 */
public final class QueueDepth {
  /*
   * Reads in flight are what a demand read queues behind, so one is best where one is enough: in sequence, a local
   * device gives all it has (120 of 120 MB/s and 510 of 500 MB/s throttled, 850 of 1,060 MB/s as it is, in reads of
   * 1 MiB). It is not where the time of a read is mostly latency: reads of 32 KiB here and there on a flash device
   * (137, 255, 588, 690 MB/s with 1, 2, 4, 8 at a time), or 20 ms to the first byte (46, 91, 161, 312 MB/s). A disk
   * gains nothing either way (4 MB/s with any number).
   *
   * Nobody says beforehand which it is, so it is tried: twice as many, for as long as that pays. A round counts reads
   * once those of the round before are through. Bytes a second and reads a second both have to rise, and by half as
   * much again in the mean: one of them does so by itself where extents become larger or smaller, as between prefetch
   * and fill, and the other less than it would. (While both had to rise by so much, a restore from a store of 20 ms to
   * the first byte went on with one read after the other in 5 of 8 runs, and took 2.3 s instead of 0.5.)
   *
   * It is tried once: a device that becomes another, or a first round whose extents were much larger or smaller than
   * those of the second, is taken for what it seemed to be. Too few is the safe side.
   */

  /**
   * The most: what a flash device gains beyond four is small, and every read has a buffer of three
   * megabytes.
   */
  public static final int MOST = 8;

  /** Twice the reads are worth their wait from here on: between no gain and all of it. */
  private static final double WORTH_IT = Math.sqrt(2);

  /** More than a round that differs from the one before by chance. */
  private static final double ANY = 1.15;

  private final int most;
  private int reads = 1;
  private boolean settled;
  private int toSkip = 1;
  private int counted;
  private long countedBytes;
  private long sinceNs;
  private double formerBytesPerNs;
  private double formerReadsPerNs;

  /**
   * @param most reads at the same time
   */
  public QueueDepth(int most) {
    this.most = most;
  }

  /** How many reads there should be. */
  public int reads() {
    return reads;
  }

  /** A read is through. */
  public void read(long bytes, long nowNs) {
    if (settled) {
      return;
    }
    if (toSkip > 0) {
      toSkip--;
      sinceNs = nowNs;
      return;
    }
    counted++;
    countedBytes += bytes;
    if (counted == 2 * reads) {
      judge(Math.max(1, nowNs - sinceNs));
    }
  }

  private void judge(long roundNs) {
    double bytesPerNs = (double) countedBytes / roundNs;
    double readsPerNs = (double) counted / roundNs;
    boolean paid =
        reads == 1 || isWorthIt(bytesPerNs / formerBytesPerNs, readsPerNs / formerReadsPerNs);
    if (!paid) {
      reads /= 2;
      settled = true;
    } else if (2 * reads > most) {
      settled = true;
    } else {
      formerBytesPerNs = bytesPerNs;
      formerReadsPerNs = readsPerNs;
      reads *= 2;
      beginRound();
    }
  }

  private static boolean isWorthIt(double moreBytes, double moreReads) {
    return Math.min(moreBytes, moreReads) >= ANY && Math.sqrt(moreBytes * moreReads) >= WORTH_IT;
  }

  /** A read had to wait for a buffer: this round says nothing about the device. */
  public void heldUp() {
    beginRound();
  }

  private void beginRound() {
    toSkip = reads;
    counted = 0;
    countedBytes = 0;
  }
}
