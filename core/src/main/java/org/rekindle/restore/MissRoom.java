package org.rekindle.restore;

/**
 * When a fill reads next, so that a miss finds something left of a device that grants its reads in
 * bursts. For the thread that reads.
 */
final class MissRoom {
  /*
   * Much storage is limited rather than slow: control groups, and the volumes of clouds, grant so many
   * reads and bytes for each slice of time or out of a bucket. What is granted passes at once; whoever
   * comes when it is used up waits for the next grant, behind all that wait already. A fill at full speed
   * uses up every grant as soon as it comes, so each miss waits for the next one: of the kernel's slices a
   * tenth of a second, where the read itself takes one thousandth of that. Ten misses a second are enough for a
   * guest that never runs.
   *
   * So on such a device the fill spreads its reads, and does not take all. Misses then cost what the
   * device needs for them; the fill takes a third longer, as long as misses come. When none has come for
   * a while it takes all again, and the next one waits for one grant.
   *
   * Such a device is told from others by its reads: one of them takes as long as all those together
   * that have passed since the last such one, again and again. A disk's reads are alike; a hiccup
   * of flash does not come back after every few reads. Misses that have passed at once tell it as well: a guest
   * that misses one page after the other takes nearly all that is granted, and hardly a bulk read passes. (While
   * these alone were counted, such a device was often not told at all, and how long one go takes not known: a
   * process without a set then missed 440 pages for 4.7 s, where all of it can be read in 0.8.)
   *
   * A read that is held up for the first time may have met a hiccup, so no read is spread for it. But how long one go
   * takes is worked out as if it had waited for a grant, until the next one tells: a guest that always waits is
   * better off if that is known a slice sooner, and to take flash with a hiccup for slow only keeps its misses served.
   *
   * Where the limits are known it would be simpler
   * to ask for them, but those of clouds are known to nobody inside.
   *
   * Why not on every device? A disk's arm is busy with one read at a time. What it is not given to do
   * meanwhile is lost, and a miss waits for one read at most, a few milliseconds.
   *
   * It fails where others use up the same grant, and in the first two slices, which tell what kind of
   * device it is: a miss in them waits for the next one. Where bursts are longer than a restore nothing
   * is noticed, and nothing is needed either.
   */

  /** Shorter waits harm nobody much: a fiftieth of a second, a fifth of the kernel's slice. */
  private static final long HELD_UP_NS = 20_000_000;

  /** So many reads at least pass between two that are held up; of a disk of 120 reads/s, 11. */
  private static final int FEWEST_PASSED = 3;

  /**
   * Of reads that pass at once, misses too, a share of the time between two bulk reads that are
   * held up: far less than a disk needs for a seek, far more than the 0.1 ms that a read took here
   * which passed (ThrottledDisk). What the guest runs meanwhile is in it.
   */
  private static final long AT_ONCE_NS = 2_000_000;

  /** Held up once, a device may have had a hiccup. */
  private static final int TELLING = 2;

  /**
   * What the fill takes of a device. Of the 12 reads that a disk of 120 reads/s grants in each
   * tenth of a second, three are left for misses.
   */
  private static final double SHARE = 3.0 / 4;

  /** For so long after a miss, and after the fill has begun: the usual window of responsiveness. */
  private static final long LASTS_NS = 1_000_000_000;

  private final int extentBytes;
  private long sinceNs = -1; // when the last read that was held up had come, or the first began
  private int passed; // reads since then
  private long bytes; // of these and the one that was held up
  private int missesBefore; // that had been read for when the last one that was held up had come
  private int heldUp; // one after the other
  private boolean granted;
  private double nsPerByte; // of a bulk read; 0 as long as nothing hints at grants
  private long missedNs = -1;
  private long nextNs;

  MissRoom(int extentBytes) {
    this.extentBytes = extentBytes;
  }

  /**
   * A bulk read has been made.
   *
   * @param missesAtBegin reads that somebody waited for, until it began
   * @param missesRead until it ended
   */
  void read(long readBytes, long beganNs, long endNs, int missesAtBegin, int missesRead) {
    if (sinceNs < 0) {
      sinceNs = beganNs;
      missesBefore = missesAtBegin;
    }
    if (beganNs >= sinceNs) { // or it waited beside the last one that was held up
      bytes += readBytes;
      judge(beganNs, endNs, missesAtBegin, missesRead);
    }
    if (granted) {
      nextNs = Math.max(nextNs, beganNs) + (long) (readBytes * nsPerByte / SHARE);
    }
  }

  private void judge(long beganNs, long endNs, int missesAtBegin, int missesRead) {
    if (endNs - beganNs < HELD_UP_NS) {
      passed++;
    } else {
      heldUp = wasGranted(beganNs, endNs, missesAtBegin - missesBefore) ? heldUp + 1 : 0;
      if (heldUp > 0) {
        nsPerByte = nsPerByte(endNs - sinceNs, missesRead - missesBefore);
      } else if (!granted) {
        nsPerByte = 0;
      }
      sinceNs = endNs;
      passed = 0;
      bytes = 0;
      missesBefore = missesRead;
    }
    granted |= heldUp >= TELLING;
  }

  /** Whether a read that was held up waited for the next grant, as those before had used up one. */
  private boolean wasGranted(long beganNs, long endNs, int missesPassed) {
    long passingNs = beganNs - sinceNs;
    int all = passed + missesPassed;
    return passingNs <= endNs - beganNs
        && (passed >= FEWEST_PASSED || (all >= FEWEST_PASSED && passingNs <= all * AT_ONCE_NS));
  }

  /**
   * What a byte of the fill takes if it is granted all reads. Until that is known, reads behind
   * misses are small, and tell nothing of large ones but that they are granted, too.
   */
  private double nsPerByte(long sinceLastNs, int misses) {
    double nsPerRead = (double) sinceLastNs / (passed + 1 + misses);
    return nsPerRead / (isGranted() ? (double) bytes / (passed + 1) : extentBytes);
  }

  /** Whether the device grants its reads in bursts. */
  boolean isGranted() {
    return granted;
  }

  /** What a byte takes if the fill has all that is granted; 0 if nothing hints at grants. */
  double nsPerByte() {
    return nsPerByte;
  }

  /** A miss has been seen, or the fill begins. */
  void missed(long nowNs) {
    missedNs = nowNs;
  }

  /** How long the fill lets the device be. */
  long restNs(long nowNs) {
    return isGranted() && nowNs - missedNs < LASTS_NS ? Math.max(0, nextNs - nowNs) : 0;
  }
}
