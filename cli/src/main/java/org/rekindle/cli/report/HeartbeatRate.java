package org.rekindle.cli.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rekindle.lab.RunResult.Progress;
import org.rekindle.responsiveness.SteadyState;

/**
 * The guest's heartbeat after a restore, as a line that can be drawn: at each beat, how fast the
 * last few came.
 *
 * <p>The time that a number of beats took, and not the number of beats in some time: counts in
 * short windows jump by whole beats, and the plot of a steady heart would be a picket fence.
 */
final class HeartbeatRate {
  /** As many beats as a steady heart has in a quarter of a second, within reason. */
  private static final double SPAN_SECONDS = 0.25;

  private static final int MIN_BEATS = 5;
  private static final int MAX_BEATS = 200;

  /** More points than a wide screen has pixels show nothing more. */
  private static final int MAX_POINTS = 4000;

  private HeartbeatRate() {}

  /** What the plot needs, as a JSON tree; null if there were no beats. */
  static @Nullable Map<String, @Nullable Object> of(Progress progress) {
    double[] beatsMs = progress.beatsMs().stream().mapToDouble(ms -> ms).sorted().toArray();
    if (beatsMs.length == 0) {
      return null;
    }
    SteadyState steady = progress.steadyState();
    double perSpan = steady == null ? 0 : steady.beatsPerSecond() * SPAN_SECONDS;
    int span = Math.clamp(Math.round(perSpan), MIN_BEATS, MAX_BEATS);
    int step = Math.ceilDiv(beatsMs.length, MAX_POINTS);
    List<Double> seconds = new ArrayList<>(List.of(0.0, beatsMs[0] / 1000));
    List<Double> rates = new ArrayList<>(List.of(0.0, 0.0));
    for (int i = step; i < beatsMs.length; i += step) {
      int since = Math.max(0, i - span);
      double tookMs = beatsMs[i] - beatsMs[since];
      if (tookMs > 0) {
        seconds.add(Math.round(beatsMs[i] * 10) / 10_000.0);
        rates.add(Math.round((i - since) * 100_000 / tookMs) / 100.0);
      }
    }
    Map<String, @Nullable Object> tree = new LinkedHashMap<>();
    tree.put("beats", span);
    tree.put("seconds", seconds);
    tree.put("rates", rates);
    if (steady != null) {
      tree.put("mean", steady.beatsPerSecond());
      tree.put("low", steady.lowestNormal());
    }
    return tree;
  }
}
