package org.rekindle.responsiveness;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/*
 * Time-to-responsiveness, exact for every u.
 *
 * VEE'11 defines TTR(w,u) as the earliest time t such that every window of length w which begins at
 * t or later leaves the guest at least the share u. One number hides whether the next percent costs
 * a millisecond or a minute, so we keep the whole function of u.
 *
 * Let F(t) be the stall inside the window that begins at t (see StallTimeline), and
 *
 *     G(t) = max { F(t') | t' >= t }
 *
 * the worst window still to come. The guest may lose B = (1 - u) * n * w, hence TTR(w,u) is the
 * smallest t with G(t) <= B: the curve is G turned by ninety degrees. G never rises, and it is
 * piecewise linear like F: walking F's segments from the last to the first with the running maximum
 * M, G is flat at M as long as a segment stays below, and follows F where a falling segment rises
 * (seen from the right) above M. Only those falling pieces are kept, so a log of a million stalls
 * usually leaves a few hundred. Each is remembered as whole numbers: where it begins, the stall
 * there, its slope (how many virtual CPUs leave the window's begin more than enter at its end, so a
 * whole number too) and the level M where it ends. The end's *time* can be a fraction of a nanosecond
 * if the slope is above 1, which is why it is not what we store.
 *
 *     G |________
 *       |        \                       pieces: \ and \ ; the flat parts between them
 *     M1|         \___________           need no memory
 *       |                     \
 *     0 |______________________\________________ t
 *
 * A look-up finds the piece that crosses B by binary search and divides once, rounding up to a whole
 * nanosecond. O(n) after the stalls are sorted, O(log pieces) per look-up.
 *
 * The time before the first instruction. A window could begin there and still leave the guest its
 * share; a 10 s window makes a 4 s eager restore "60 % responsive" at 0 s. VEE'11 does not read it
 * so (its eager restore has one TTR for all w and u, and the curves of its working set restore rise
 * vertically where the machine starts): a machine that has not executed an instruction is not
 * responsive to any degree. Windows that begin before the first instruction therefore count as 0,
 * and TTR(w,u) is never below it for u > 0. TTR(w,0) is 0, the only promise that nobody can break.
 *
 * Sampling u or t on a grid instead would be simpler, and wrong where it matters: TTR jumps by tens
 * of seconds between u = 0.79 and 0.80 in the paper's own measurements.
 */

/**
 * TTR(w,u) for one window length w and every u. Immutable.
 *
 * <p>Times are nanoseconds since the restore command.
 */
public final class TtrCurve {
  private final long budgetNs; // what a window offers: n virtual CPUs times w
  private final long firstInstructionNs;

  // The falling pieces of G, in order of time; each ends at the level where the next begins.
  private final long[] beginNs;
  private final long[] beginStalledNs;
  private final long[] endStalledNs;
  private final long[] slope;

  /** A point of the curve: from {@code timeNs} on, no window gets less than {@code utilisation}. */
  public record Vertex(long timeNs, double utilisation) {}

  private TtrCurve(long budgetNs, long firstInstructionNs, long[][] pieces) {
    this.budgetNs = budgetNs;
    this.firstInstructionNs = firstInstructionNs;
    this.beginNs = pieces[0];
    this.beginStalledNs = pieces[1];
    this.endStalledNs = pieces[2];
    this.slope = pieces[3];
  }

  /**
   * @param windows from the first instruction to the end of the last stall
   */
  static TtrCurve of(StallTimeline.Windows windows, long budgetNs, long firstInstructionNs) {
    long[] at = windows.beginNs;
    long[] stalled = windows.stalledNs;
    long[][] pieces = new long[4][at.length];
    int first = at.length; // pieces are found from the last to the first, and laid down that way
    long worst = 0;
    for (int i = at.length - 2; i >= 0; i--) {
      if (stalled[i] <= worst) {
        continue;
      }
      long falls = (stalled[i] - stalled[i + 1]) / (at[i + 1] - at[i]); // divides without rest
      boolean continued =
          first < at.length
              && pieces[0][first] == at[i + 1]
              && pieces[1][first] == stalled[i + 1]
              && pieces[3][first] == falls;
      if (!continued) {
        first--;
        pieces[2][first] = worst;
        pieces[3][first] = falls;
      }
      pieces[0][first] = at[i];
      pieces[1][first] = stalled[i];
      worst = stalled[i];
    }
    for (int i = 0; i < pieces.length; i++) {
      pieces[i] = Arrays.copyOfRange(pieces[i], first, at.length);
    }
    return new TtrCurve(budgetNs, firstInstructionNs, pieces);
  }

  /**
   * TTR(w,u): the earliest time from which on no window leaves the guest less than the share {@code
   * u}.
   *
   * @param utilisation u, 0 to 1; taken to the nearest whole nanosecond of the window, so that 0.9
   *     of a second means 900,000,000 ns although no double is 0.9
   */
  public long ttrNs(double utilisation) {
    if (!(utilisation >= 0 && utilisation <= 1)) {
      throw new IllegalArgumentException("utilisation lies between 0 and 1: " + utilisation);
    }
    return ttrNs(Math.round(utilisation * budgetNs));
  }

  private long ttrNs(long neededNs) {
    if (neededNs == 0) {
      return 0;
    }
    long allowedNs = budgetNs - neededNs;
    int low = 0; // the first piece that ends at or below the allowed stall
    for (int high = beginNs.length; low < high; ) {
      int middle = (low + high) >>> 1;
      if (endStalledNs[middle] <= allowedNs) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    if (low == beginNs.length || beginStalledNs[low] <= allowedNs) {
      return firstInstructionNs; // nothing that comes later is too much: only the first piece
    }
    return beginNs[low] + Math.ceilDiv(beginStalledNs[low] - allowedNs, slope[low]);
  }

  /**
   * The utilisation that is guaranteed from a time on: the curve read the other way round. 0 before
   * the first instruction.
   */
  public double guaranteedFrom(long timeNs) {
    if (timeNs < firstInstructionNs) {
      return 0;
    }
    int later = Arrays.binarySearch(beginNs, timeNs);
    int piece = later >= 0 ? later : -later - 2; // the last piece that has begun
    if (piece < 0) {
      return beginNs.length == 0 ? 1 : share(beginStalledNs[0]);
    }
    long stalledNs = beginStalledNs[piece] - slope[piece] * (timeNs - beginNs[piece]);
    return share(Math.max(stalledNs, endStalledNs[piece]));
  }

  /**
   * The curve as a line through these points, both coordinates never decreasing, from (0, 0) to the
   * end of the last stall, where the utilisation becomes 1 for ever. Times are rounded up to whole
   * nanoseconds.
   *
   * @param tolerance how far, in utilisation, the line may be from the exact curve; 0 for all
   *     points. The number of points is at most about 2 / tolerance
   */
  public List<Vertex> vertices(double tolerance) {
    List<Vertex> all = new ArrayList<>();
    all.add(new Vertex(0, 0));
    all.add(new Vertex(firstInstructionNs, 0));
    all.add(new Vertex(firstInstructionNs, guaranteedFrom(firstInstructionNs)));
    for (int i = 0; i < beginNs.length; i++) {
      all.add(new Vertex(beginNs[i], share(beginStalledNs[i])));
      long lastsNs = Math.ceilDiv(beginStalledNs[i] - endStalledNs[i], slope[i]);
      all.add(new Vertex(beginNs[i] + lastsNs, share(endStalledNs[i])));
    }
    List<Vertex> kept = new ArrayList<>();
    for (Vertex vertex : all) {
      // The middle one of three is not needed if the curve hardly rises from the first to the
      // third.
      int size = kept.size();
      if (size > 0 && kept.get(size - 1).equals(vertex)) {
        continue;
      }
      if (size > 1 && vertex.utilisation() - kept.get(size - 2).utilisation() <= tolerance) {
        kept.removeLast();
      }
      kept.add(vertex);
    }
    return kept;
  }

  private double share(long stalledNs) {
    return (double) (budgetNs - stalledNs) / budgetNs;
  }
}
