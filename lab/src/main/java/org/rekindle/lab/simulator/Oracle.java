package org.rekindle.lab.simulator;

import java.util.BitSet;
import java.util.function.LongUnaryOperator;
import org.rekindle.image.PageStore;
import org.rekindle.workingset.Profile;

/**
 * The limit: what no restore from this storage can better, even one that knows what the guest will
 * do.
 */
public final class Oracle {
  /*
   * Page i in order of first touch is wanted at the guest's own time a(i). The storage cannot
   * have brought it, and the i - 1 before it, sooner than f(i): their bytes at its full speed. That
   * is reading in first-touch order, earliest deadline first, which nothing improves on. A guest that
   * starts at
   *
   *     S = max over i of (f(i) - a(i))
   *
   * never waits, and one that starts earlier does: S is the TTR for u = 1.
   *
   * For u < 1 starting earlier and waiting a little is allowed. Until f(i) the guest cannot have got
   * beyond its own time a(i), so it has lost at least f(i) - a(i) by then, standing still before its
   * first instruction included. After T = TTR(w,u) it loses at most 1 - u of each window, of which
   * (f(i) - T) / w, rounded up, cover what is left; so for every i
   *
   *     f(i) - a(i) <= T + (1 - u) * (f(i) - T + w)
   *     T >= (f(i) - a(i) - (1 - u) * (f(i) + w)) / u
   *
   * A lower bound of every plan for every w and u. It is exact for u = 1; below, the rounding up
   * gives away at most (1 - u) * w / u. And it takes the storage's best for granted: a disk whose arm
   * never leaves the track.
   */
  private final long[] arrivalNs; // f
  private final long[] touchNs; // a
  private final long earliestNs; // of a first instruction

  private Oracle(long[] arrivalNs, long[] touchNs, long earliestNs) {
    this.arrivalNs = arrivalNs;
    this.touchNs = touchNs;
    this.earliestNs = earliestNs;
  }

  /** The limit of restores of this image, for a guest that touches these pages at these times. */
  public static Oracle of(StorageModel storage, HostCosts costs, PageStore base, Profile touches) {
    return of(storage::fastestNs, costs, base, touches);
  }

  /**
   * The same from storage that was measured.
   *
   * @param fastestNs the least time in which so many bytes can be had
   */
  public static Oracle of(
      LongUnaryOperator fastestNs, HostCosts costs, PageStore base, Profile touches) {
    long[] arrivalNs = new long[touches.size()];
    long[] touchNs = new long[touches.size()];
    BitSet slots = new BitSet();
    double bytes = 0;
    for (int i = 0; i < touches.size(); i++) {
      int page = touches.page(i);
      int block = base.blockOf(page);
      if (block >= 0 && isNew(slots, base, block, page)) {
        bytes += (double) base.storedBytes(block) / base.slots(block);
      }
      touchNs[i] = touches.touchNs(i);
      arrivalNs[i] = costs.beforeNs() + (bytes == 0 ? 0 : fastestNs.applyAsLong((long) bytes));
    }
    return new Oracle(arrivalNs, touchNs, costs.beforeNs() + costs.startupNs());
  }

  /** Whether the bytes of a page are still to be counted: identical pages are stored once. */
  private static boolean isNew(BitSet slots, PageStore base, int block, int page) {
    int slot = block * base.maxSlots() + base.slotOf(page);
    boolean isNew = !slots.get(slot);
    slots.set(slot);
    return isNew;
  }

  /** The start of a guest that never waits, as early as can be. */
  public long startNs() {
    return ttrNs(1, 1);
  }

  /** A lower bound of TTR(w,u) of every plan; 0 for u = 0. */
  public long ttrNs(long windowNs, double utilisation) {
    if (utilisation == 0) {
      return 0;
    }
    double lost = 1 - utilisation;
    double latest = earliestNs;
    for (int i = 0; i < arrivalNs.length; i++) {
      double allowedNs = lost * (arrivalNs[i] + windowNs);
      latest = Math.max(latest, (arrivalNs[i] - touchNs[i] - allowedNs) / utilisation);
    }
    return (long) latest;
  }
}
