package org.rekindle.lab.paper;

import java.util.Arrays;
import java.util.List;

/**
 * A TTR curve of VEE'11, read off the vector graphics of its figures 2 and 6 to 10: seconds since
 * the hypervisor's start. Windows are of a second where nothing else is said.
 *
 * @param restore workload and kind of restore
 * @param seconds for each of {@link #UTILISATIONS}; NaN where the figure does not tell
 */
record PublishedCurve(String restore, List<Double> seconds) {
  static final double[] UTILISATIONS = {0.1, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95};

  private static final double UNKNOWN = Double.NaN;

  static final List<PublishedCurve> ALL =
      List.of(
          curve("idle, lazy", 18.7, 32.1, 32.2, 32.3, 32.4, UNKNOWN, UNKNOWN),
          curve("idle, lazy, windows of 0.1 s", 32.4, 37.4, 37.4, 37.4, 37.4, 60.6, 60.6),
          curve("idle, lazy, windows of 1.0 s", 18.7, 32.1, 32.2, 32.3, 32.4, UNKNOWN, UNKNOWN),
          curve("idle, lazy, windows of 10.0 s", 7.8, 14.1, 15.1, 16.2, 17.4, 19.0, 32.1),
          curve("SPECjbb, lazy", 15.1, 22.4, 22.5, 22.8, 29.5, 61.5, 61.5),
          curve("SPECjbb, working set", 9.8, 9.8, 9.8, 9.8, 146, 146, 146),
          curve("MPlayer, lazy", 42.6, 43.0, 43.1, 43.2, 43.4, 43.5, 66.0),
          curve("MPlayer, working set", 9.3, 10.7, 10.8, 10.9, 67.7, 88.1, 98.1),
          curve("MPlayer, 95 % of the set", 17.5, 42.5, 42.8, 42.9, 43.0, 93.9, 113.8),
          curve("MPlayer, 90 % of the set", 41.4, 42.6, 42.7, 42.8, 42.9, 101.6, 112.7),
          curve("MPlayer, 50 % of the set", 43.3, 43.9, 43.9, 44.1, 44.2, 44.3, 67.8),
          curve("random 20 %, lazy", 58.0, 58.9, 59.1, 86.2, 87.0, 87.0, 87.1),
          curve("random 20 %, working set", 27.1, 28.6, 28.7, 95.7, 95.8, 96.0, 96.0),
          curve("random 40 %, lazy", 90.6, 97.6, 98.0, 98.1, 98.2, 102.5, 102.6),
          curve("random 40 %, working set", 20.6, 25.1, 47.0, 47.2, 47.3, 80.7, 80.8),
          curve("random 60 %, lazy", 117, 121, 121, 121, 122, 123, 123),
          curve("random 60 %, working set", 30.3, 56.8, 57.0, 57.0, 57.6, 57.6, 117.5),
          curve("random 80 %, lazy", 111, 117, 117, 117, 118, UNKNOWN, UNKNOWN),
          curve("random 80 %, working set", 108.7, 109.1, 111, 111, 111, 118, 118));

  private static PublishedCurve curve(String restore, double... seconds) {
    return new PublishedCurve(restore, Arrays.stream(seconds).boxed().toList());
  }

  static PublishedCurve of(String restore) {
    return ALL.stream()
        .filter(curve -> curve.restore.equals(restore))
        .findAny()
        .orElseThrow(() -> new IllegalArgumentException("the paper has no curve of " + restore));
  }
}
