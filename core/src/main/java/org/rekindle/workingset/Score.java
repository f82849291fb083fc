package org.rekindle.workingset;

/**
 * How well a prefetch met what the restored guest touched; whole numbers of pages.
 *
 * @param prefetched pages that were brought in before they were asked for
 * @param used those among them that the guest touched
 * @param touched all the pages that the guest touched
 */
public record Score(int prefetched, int used, int touched) {
  public Score {
    if (used < 0 || used > prefetched || used > touched) {
      throw new IllegalArgumentException(
          used + " used pages, of " + prefetched + " prefetched and " + touched + " touched");
    }
  }

  /**
   * The share of the touched pages that was there in time: in the terms of VEE'11, faults avoided
   * of faults avoided and faults taken. 1 if nothing was touched.
   */
  public double coverage() {
    return touched == 0 ? 1 : (double) used / touched;
  }

  /** The share of the prefetched pages that was of use. 1 if nothing was prefetched. */
  public double precision() {
    return prefetched == 0 ? 1 : (double) used / prefetched;
  }

  /** Touched pages that were not prefetched: faults. */
  public int missed() {
    return touched - used;
  }

  /** Prefetched pages that were not touched: time and memory for nothing. */
  public int wasted() {
    return prefetched - used;
  }
}
