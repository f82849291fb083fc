package org.rekindle.lab.evaluation;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.lab.RunResult;
import org.rekindle.lab.simulator.HostCosts;
import org.rekindle.lab.simulator.ImageLayout;
import org.rekindle.lab.simulator.Simulation;
import org.rekindle.lab.simulator.ThrottledDisk;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Profile;

/*
 * What is compared with what. The simulator gets the image that was restored, the plan that restored it,
 * a disk with the limits of the control group, and what a clone touched (the recording that the profile
 * was not made of). Of the measured restores it gets two numbers for each guest: when the pager began and
 * when the first instruction was, of those that start the guest at once: that is the start of QEMU. All else is
 * its own, so what it says of TTR is a prediction.
 *
 * Where it errs by construction. A guest whose program waits for the time of day (a film) has slack
 * that its recording does not show; a guest that is behind touches other pages; a virtual CPU that shares
 * a processor with the pager is slowed down without a fault.
 */

/** Simulated against measured restores. */
final class SimulatorCheck {
  /** The window and the utilisations that are compared. */
  static final List<String> UTILISATIONS = List.of("0.7", "0.9");

  private static final long WINDOW_NS = 1_000_000_000;

  private SimulatorCheck() {}

  /**
   * One way to restore one guest, at one of {@link #UTILISATIONS}.
   *
   * @param measuredMs median TTR(1 s)
   * @param simulatedMs the same, simulated
   */
  record Row(
      String guest, String contender, String utilisation, double measuredMs, double simulatedMs) {
    /** Relative error, signed: positive if the simulator is too slow. */
    double error() {
      return simulatedMs / measuredMs - 1;
    }

    Map<String, @Nullable Object> members() {
      Map<String, @Nullable Object> members = new LinkedHashMap<>();
      members.put("guest", guest);
      members.put("strategy", contender);
      members.put("utilisation", utilisation);
      members.put("measuredTtrMs1s", measuredMs);
      members.put("simulatedTtrMs1s", simulatedMs);
      return members;
    }
  }

  /** Simulates every contender that was measured. */
  static List<Row> of(SavedGuest saved, List<Contender> contenders, List<RunResult> measured)
      throws IOException {
    double beforeMs = median(startOf(measured, RunResult.Progress::restoringFromMs));
    double startMs = median(startOf(measured, RunResult.Progress::firstInstructionMs));
    Simulation simulation =
        Simulation.on(
            ThrottledDisk.EXPERIMENTS,
            HostCosts.QEMU.withStart(
                Math.round(beforeMs * 1e6), Math.round((startMs - beforeMs) * 1e6)));
    List<Row> rows = new ArrayList<>();
    for (Contender contender : contenders) {
      List<RunResult> runs =
          measured.stream()
              .filter(run -> run.condition().strategy().equals(contender.label()))
              .toList();
      Profile set = Evaluation.workingSet(contender, saved);
      if (set != null) {
        Evaluation.attach(saved.image(), set, contender.strategy());
      }
      try (Image image = Image.open(saved.image())) {
        ImageLayout layout = ImageLayout.of(image);
        Plan plan = layout.plan(contender.strategy(), Strategy.Options.DEFAULT);
        var curve = simulation.run(layout, plan, saved.saved().truth()).ttr(WINDOW_NS);
        for (String utilisation : UTILISATIONS) {
          double[] measuredMs =
              runs.stream()
                  .map(run -> run.responsiveness().ttrMs().get("1s@" + utilisation))
                  .mapToDouble(Objects::requireNonNull)
                  .toArray();
          rows.add(
              new Row(
                  runs.getFirst().condition().guest(),
                  contender.label(),
                  utilisation,
                  median(measuredMs),
                  curve.ttrNs(Double.parseDouble(utilisation)) / 1e6));
        }
      }
    }
    return rows;
  }

  /** A time of the lazy restores, which start the guest at once and read nothing before. */
  private static double[] startOf(
      List<RunResult> measured, Function<RunResult.Progress, @Nullable Double> time) {
    return measured.stream()
        .filter(run -> run.condition().strategy().equals(Strategy.LAZY.label()))
        .map(run -> time.apply(run.progress()))
        .mapToDouble(Objects::requireNonNull)
        .toArray();
  }

  /** The median of all errors, without their signs. */
  static double medianError(List<Row> rows) {
    return median(rows.stream().mapToDouble(Row::error).map(Math::abs).toArray());
  }

  static double median(double... values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
