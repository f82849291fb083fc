package org.rekindle.restore;

/**
 * What a restore is to reach as soon as it can, TTR(w,u): from then on every window of time leaves
 * the guest a share of it.
 *
 * @param windowNs w
 * @param utilisation u, above 0 and below 1
 */
public record TtrTarget(long windowNs, double utilisation) {
  /** Nine tenths of each second: a person hardly notices the rest. */
  public static final TtrTarget DEFAULT = new TtrTarget(1_000_000_000, 0.9);

  public TtrTarget {
    if (windowNs <= 0 || !(utilisation > 0 && utilisation < 1)) {
      throw new IllegalArgumentException(
          "a target is a window and a share of it between 0 and 1, not %d ns and %s"
              .formatted(windowNs, utilisation));
    }
  }

  /** How long the guest runs at least in a window that meets it. */
  double ranNs() {
    return utilisation * windowNs;
  }
}
