package org.rekindle.lab.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.lab.RunResult;
import org.rekindle.lab.RunResult.Responsiveness;
import org.rekindle.lab.SavedSubject;
import org.rekindle.lab.simulator.HostCosts;
import org.rekindle.lab.simulator.Oracle;
import org.rekindle.responsiveness.StallScope;
import org.rekindle.responsiveness.TtrCurve.Vertex;

/**
 * The limit as a row of the results: what the oracle needs at least, on the device that was
 * measured, for the touches that were recorded as truth.
 *
 * <p>It begins to read when the restore is commanded, and its guest starts as early as any did in
 * these runs; decoding, placing and faults cost it nothing.
 */
final class OracleRun {
  static final String NAME = "oracle";

  private static final double STEP = 0.01;

  private OracleRun() {}

  /**
   * Computes it.
   *
   * @param runs what was measured under the same conditions
   */
  static RunResult of(SavedSubject saved, String storage, DeviceCurve device, List<RunResult> runs)
      throws IOException {
    double earliestMs =
        runs.stream()
            .map(run -> run.progress().firstInstructionMs())
            .filter(Objects::nonNull)
            .mapToDouble(ms -> ms)
            .min()
            .orElse(0);
    HostCosts costs = HostCosts.NONE.withStart(0, Math.round(earliestMs * 1e6));
    Oracle oracle;
    try (Image image = Image.open(saved.image())) {
      oracle = Oracle.of(device::fastestNs, costs, image.base(), saved.truth());
    }
    return RunResult.of(new RunResult.Condition(saved.subject().description(), NAME, storage, 1))
        .with(responsiveness(oracle))
        .with(
            new RunResult.Evidence(
                null, null, Map.of(), null, null, "a lower bound that was computed, not a run"));
  }

  private static Responsiveness responsiveness(Oracle oracle) {
    Map<String, @Nullable Double> ttrMs = new LinkedHashMap<>();
    Map<String, List<Vertex>> curves = new LinkedHashMap<>();
    Responsiveness.WINDOWS.forEach((window, windowNs) -> {
      for (String utilisation : Responsiveness.UTILISATIONS) {
        double u = Double.parseDouble(utilisation);
        ttrMs.put(window + "@" + utilisation, oracle.ttrNs(windowNs, u) / 1e6);
      }
      List<Vertex> curve = new ArrayList<>(List.of(new Vertex(0, 0)));
      for (int step = 1; step <= Math.round(1 / STEP); step++) {
        curve.add(new Vertex(oracle.ttrNs(windowNs, step * STEP), step * STEP));
      }
      curves.put(window, curve);
    });
    return new Responsiveness(StallScope.PER_GUEST, ttrMs, curves);
  }
}
