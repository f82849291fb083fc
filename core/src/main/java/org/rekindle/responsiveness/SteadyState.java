package org.rekindle.responsiveness;

import java.util.Optional;
import java.util.OptionalLong;

/*
 * "Application back to normal".
 *
 * VEE'11: an application is back when its instantaneous rate (operations of the last second, frames
 * of the last second) is within one standard deviation of its steady state. What is left open there
 * is decided here, so that the same beats always give the same number:
 *
 *  - A rate is the number of beats in [b, b + w) divided by w, for a window that begins at a beat b.
 *    Before the save and after the restore it is taken the same way, so a beat on the window's edge
 *    counts alike on both sides. A result is therefore always the time of a beat that was seen,
 *    never a time before the first one.
 *  - "Within" is one-sided: catching up faster than normal is no loss to anybody.
 *  - The deviation has a floor. A beat that comes like clockwork has a standard deviation of 0, and
 *    one beat on the other side of an edge would then count as abnormal. Nothing finer than one
 *    beat per window can be seen, and on a shared host we do not claim more than 1 % (MIN_SHARE).
 *  - One lucky window is not enough, and "for ever" is too much: steady state itself falls below its
 *    own mean minus one deviation about every sixth window. So the rate over the longer span
 *    [b, b + 3w) must be back as well (SUSTAINED_WINDOWS). A short dip later is forgiven if the
 *    whole span makes up for it; a restore that works for one second and then stalls is not back.
 */

/**
 * The rate of a guest's heartbeat in normal operation, measured before the save.
 *
 * @param beatsPerSecond mean rate over windows of {@code windowNs}
 * @param deviation standard deviation of that rate between windows, in beats per second
 * @param windowNs length of the windows that rates are taken in
 */
public record SteadyState(double beatsPerSecond, double deviation, long windowNs) {
  /** The window of VEE'11. */
  public static final long WINDOW_NS = 1_000_000_000;

  /** The rate must be back for this many windows in a row, on average. */
  public static final int SUSTAINED_WINDOWS = 3;

  private static final double MIN_SHARE = 0.01;

  /**
   * The steady state in a recording of beats.
   *
   * @param beatsNs when each beat was seen, by the host's clock (any zero), not decreasing
   * @return empty if the recording has no whole window
   */
  public static Optional<SteadyState> of(long[] beatsNs, long windowNs) {
    requireOrder(beatsNs);
    if (windowNs <= 0) {
      throw new IllegalArgumentException("a window is longer than 0: " + windowNs);
    }
    long windows = 0;
    double mean = 0;
    double squares = 0; // of the distances from the mean (Welford)
    int end = 0;
    for (int i = 0; i < beatsNs.length; i++) {
      if (beatsNs[beatsNs.length - 1] - beatsNs[i] < windowNs) {
        break;
      }
      while (beatsNs[end] - beatsNs[i] < windowNs) {
        end++;
      }
      double rate = perSecond(end - i, windowNs);
      windows++;
      double distance = rate - mean;
      mean += distance / windows;
      squares += distance * (rate - mean);
    }
    return windows == 0
        ? Optional.empty()
        : Optional.of(new SteadyState(mean, Math.sqrt(squares / windows), windowNs));
  }

  /** The lowest rate that still counts as normal, in beats per second. */
  public double lowestNormal() {
    double oneBeat = perSecond(1, windowNs);
    return beatsPerSecond - Math.max(deviation, Math.max(oneBeat, MIN_SHARE * beatsPerSecond));
  }

  /**
   * The earliest beat after a restore from which the rate is normal, over one window and over
   * {@link #SUSTAINED_WINDOWS}.
   *
   * @param beatsNs when each beat was seen, in nanoseconds since the restore command, not
   *     decreasing
   * @param observedUntilNs when the watching ended
   * @return empty if that was not seen
   */
  public OptionalLong backToNormalNs(long[] beatsNs, long observedUntilNs) {
    requireOrder(beatsNs);
    long spanNs = SUSTAINED_WINDOWS * windowNs;
    int windowEnd = 0;
    int spanEnd = 0;
    for (int i = 0; i < beatsNs.length && beatsNs[i] + spanNs <= observedUntilNs; i++) {
      while (windowEnd < beatsNs.length && beatsNs[windowEnd] - beatsNs[i] < windowNs) {
        windowEnd++;
      }
      while (spanEnd < beatsNs.length && beatsNs[spanEnd] - beatsNs[i] < spanNs) {
        spanEnd++;
      }
      if (perSecond(windowEnd - i, windowNs) >= lowestNormal()
          && perSecond(spanEnd - i, spanNs) >= lowestNormal()) {
        return OptionalLong.of(beatsNs[i]);
      }
    }
    return OptionalLong.empty();
  }

  private static double perSecond(int beats, long ns) {
    return beats * 1e9 / ns;
  }

  private static void requireOrder(long[] beatsNs) {
    for (int i = 1; i < beatsNs.length; i++) {
      if (beatsNs[i] < beatsNs[i - 1]) {
        throw new IllegalArgumentException("beat " + i + " was seen before the one ahead of it");
      }
    }
  }
}
