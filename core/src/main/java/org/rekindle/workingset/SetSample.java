package org.rekindle.workingset;

/**
 * How many pages of a sample of a working set the guest touched.
 *
 * @param pages of the sample, drawn at random from the set
 * @param used how many of them were touched
 */
public record SetSample(int pages, int used) {
  /** No sample was drawn: the share is anything from 0 to 1. */
  public static final SetSample NONE = new SetSample(0, 0);

  /** Of a normal distribution: 95 % lie within so many standard deviations. */
  private static final double Z = 1.96;

  /**
   * @throws IllegalArgumentException if more were used than drawn
   */
  public SetSample {
    if (used < 0 || used > pages) {
      throw new IllegalArgumentException(used + " of " + pages + " pages cannot have been used");
    }
  }

  /** The lower end of the share's 95 % interval. */
  public double shareAtLeast() {
    return pages == 0 ? 0 : Math.max(0, middle() - reach());
  }

  /** The upper end of the share's 95 % interval. */
  public double shareAtMost() {
    return pages == 0 ? 1 : Math.min(1, middle() + reach());
  }

  /*
   * Wilson's interval (JASA 22, 1927): unlike the share plus and minus its standard error it says
   * something sensible where none or all of the sample were used.
   */

  private double middle() {
    return (used + Z * Z / 2) / (pages + Z * Z);
  }

  private double reach() {
    double variance = (double) used * (pages - used) / pages + Z * Z / 4;
    return Z / (pages + Z * Z) * Math.sqrt(variance);
  }
}
