package org.rekindle.lab.evaluation;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.lab.RunResult;
import org.rekindle.lab.simulator.HostCosts;
import org.rekindle.lab.simulator.ImageLayout;
import org.rekindle.lab.simulator.Simulation;
import org.rekindle.lab.simulator.ThrottledDisk;
import org.rekindle.responsiveness.TtrCurve;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Profile;

/*
 * What is compared with what. The simulator gets the image that was restored, the plan that restored it,
 * a disk with the limits of the control group, and what a clone touched (the recording that the profile
 * was not made of). Of the measured restores it gets what is not the restore's: of each, when its pager
 * began (until then a VMM starts, which on a busy machine takes 0.1 to 0.6 s); of the lazy ones, how long
 * the guest needs from there to its first instruction; of the eager ones, QEMU's processor time for a page
 * (its start is in it, so for a small guest that is too much). All else is its own, so what it says of TTR
 * is a prediction.
 *
 * Where it errs by construction. A guest whose program waits for the time of day (a film) has slack
 * that its recording does not show; a guest that is behind touches other pages; a virtual CPU that shares
 * a processor with the pager is slowed down without a fault; the disk is fresh, whereas opening the image
 * has taken about six reads of the twelve that its controller grants for the first tenth of a second.
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
    HostCosts costs = costs(measured, saved);
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
        List<TtrCurve> simulated =
            runs.stream()
                .map(run ->
                    Simulation.on(
                            ThrottledDisk.EXPERIMENTS,
                            costs.withStart(beforeNs(run), costs.startupNs()))
                        .run(layout, plan, saved.saved().truth())
                        .ttr(WINDOW_NS))
                .toList();
        for (String utilisation : UTILISATIONS) {
          rows.add(
              new Row(
                  runs.getFirst().condition().guest(),
                  contender.label(),
                  utilisation,
                  median(
                      runs.stream()
                          .map(run -> run.responsiveness().ttrMs().get("1s@" + utilisation))
                          .mapToDouble(Objects::requireNonNull)
                          .toArray()),
                  median(
                      simulated.stream()
                          .mapToDouble(curve -> curve.ttrNs(Double.parseDouble(utilisation)) / 1e6)
                          .toArray())));
        }
      }
    }
    return rows;
  }

  private static long beforeNs(RunResult run) {
    return Math.round(Objects.requireNonNull(run.progress().restoringFromMs()) * 1e6);
  }

  /** Of this host with this guest: what the measured runs say of what is not the restore's. */
  private static HostCosts costs(List<RunResult> measured, SavedGuest saved) throws IOException {
    double startupMs =
        median(
            of(measured, Strategy.LAZY)
                .mapToDouble(run ->
                    Objects.requireNonNull(run.progress().firstInstructionMs())
                        - Objects.requireNonNull(run.progress().restoringFromMs()))
                .toArray());
    double placeMs =
        median(
            of(measured, Strategy.EAGER)
                .map(run -> run.cost().vmmCpuMs())
                .mapToDouble(Objects::requireNonNull)
                .toArray());
    int pages;
    try (Image image = Image.open(saved.image())) {
      pages = image.memory().pages();
    }
    return HostCosts.QEMU
        .withStart(0, Math.round(startupMs * 1e6))
        .withPlaceNs(Math.round(placeMs * 1e6 / pages));
  }

  private static Stream<RunResult> of(List<RunResult> measured, Strategy strategy) {
    return measured.stream().filter(run -> run.condition().strategy().equals(strategy.label()));
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
