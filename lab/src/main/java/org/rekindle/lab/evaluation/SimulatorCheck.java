package org.rekindle.lab.evaluation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.rekindle.lab.RunResult;
import org.rekindle.lab.simulator.EarlierReads;
import org.rekindle.lab.simulator.HostCosts;
import org.rekindle.lab.simulator.ImageLayout;
import org.rekindle.lab.simulator.Simulation;
import org.rekindle.lab.simulator.ThrottledDisk;
import org.rekindle.responsiveness.TtrCurve;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Strategy;

/*
 * What is compared with what. The simulator gets the layout of the image that was restored, the plan that
 * restored it, a disk with the limits of the control group, and what a clone touched (the recording that
 * the profile was not made of). Of each measured restore it gets what is not the restore's: when its
 * pager began (until then a VMM starts, which on a busy machine takes 0.1 to 0.6 s), when the image had been
 * opened, and what had been read from the disk by then.
 *
 * Two costs of the host are measured, on the first guest only: how long a guest needs from the pager's
 * begin to its first instruction (of the lazy restores), and the VMM's processor time for a page (of the
 * eager ones, less what it had used before). For every other guest all is fixed beforehand: what the simulator
 * says of its TTR is a prediction.
 *
 * Where it errs by construction. A guest whose program waits for the time of day (a film) has slack
 * that its recording does not show; a guest that is behind touches other pages; a virtual CPU that shares
 * a processor with the pager, or with anybody else, is slowed down without a fault.
 */

/** Simulated against measured restores. */
final class SimulatorCheck {
  /** The window and the utilisations that are compared. */
  static final List<String> UTILISATIONS = List.of("0.7", "0.9");

  private static final long WINDOW_NS = 1_000_000_000;

  private SimulatorCheck() {}

  /**
   * One restore, at one of {@link #UTILISATIONS}.
   *
   * @param isFixedOn whether the host's costs are those of this guest
   * @param beganMs when its pager began, which the simulator is told
   * @param measuredMs TTR(1 s)
   * @param simulatedMs the same, simulated
   */
  record Row(
      String guest,
      boolean isFixedOn,
      String contender,
      int repetition,
      String utilisation,
      double beganMs,
      double measuredMs,
      double simulatedMs) {
    /** Relative error, signed: positive if the simulator is too slow. */
    double error() {
      return simulatedMs / measuredMs - 1;
    }

    /** The same of the time since the pager began: of nothing that the simulator was told. */
    double errorSinceBegin() {
      return (simulatedMs - beganMs) / (measuredMs - beganMs) - 1;
    }

    Map<String, @Nullable Object> members() {
      Map<String, @Nullable Object> members = new LinkedHashMap<>();
      members.put("guest", guest);
      members.put("costsAreOfThisGuest", isFixedOn);
      members.put("strategy", contender);
      members.put("repetition", repetition);
      members.put("utilisation", utilisation);
      members.put("beganMs", beganMs);
      members.put("measuredTtrMs1s", measuredMs);
      members.put("simulatedTtrMs1s", simulatedMs);
      return members;
    }
  }

  /**
   * Simulates every restore that tells how it was opened (older results do not); the host's costs
   * are those of the first guest.
   */
  static List<Row> of(List<KeptRestores> guests) {
    HostCosts costs = costs(guests.getFirst());
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < guests.size(); i++) {
      KeptRestores guest = guests.get(i);
      for (RunResult run : guest.runs().stream().filter(SimulatorCheck::tellsOpening).toList()) {
        Contender contender = Contender.of(run.condition().strategy());
        TtrCurve simulated = simulated(guest, contender, run, costs);
        for (String utilisation : UTILISATIONS) {
          rows.add(
              new Row(
                  run.condition().guest(),
                  i == 0,
                  contender.label(),
                  run.condition().repetition(),
                  utilisation,
                  known(run, "begin", each -> each.progress().restoringFromMs()),
                  known(run, "TTR", each -> each.responsiveness().ttrMs().get("1s@" + utilisation)),
                  simulated.ttrNs(Double.parseDouble(utilisation)) / 1e6));
        }
      }
    }
    return rows;
  }

  private static boolean tellsOpening(RunResult run) {
    return run.opening().openedMs() != null;
  }

  private static TtrCurve simulated(
      KeptRestores guest, Contender contender, RunResult run, HostCosts costs) {
    ImageLayout layout = guest.layouts().get(contender);
    if (layout == null) {
      throw new IllegalArgumentException("no layout is kept for " + contender.label());
    }
    Plan plan = layout.plan(contender.strategy(), Strategy.Options.DEFAULT);
    long beganNs = ns(known(run, "begin", each -> each.progress().restoringFromMs()));
    EarlierReads earlier =
        new EarlierReads(
            ns(known(run, "opening", each -> each.opening().openedMs())),
            (long) known(run, "opening's reads", each -> each.opening().deviceReads()),
            (long) known(run, "opening's bytes", each -> each.opening().deviceBytes()));
    return Simulation.on(ThrottledDisk.EXPERIMENTS, costs.withStart(beganNs, costs.startupNs()))
        .after(earlier)
        .run(layout, plan, guest.truth())
        .ttr(WINDOW_NS);
  }

  private static long ns(double ms) {
    return Math.round(ms * 1e6);
  }

  /** Of this host: what the measured runs say of what is not the restore's. */
  private static HostCosts costs(KeptRestores guest) {
    int pages = guest.layouts().values().iterator().next().memory().pages();
    double startupMs =
        median(
            guest,
            Strategy.LAZY,
            run ->
                known(run, "start", each -> each.progress().firstInstructionMs())
                    - known(run, "begin", each -> each.progress().restoringFromMs()));
    double placeMs =
        median(
            guest,
            Strategy.EAGER,
            run ->
                known(run, "VMM's processor time", each -> each.cost().vmmCpuMs())
                    - known(run, "VMM's processor time before", each -> each.opening().vmmCpuMs()));
    return HostCosts.QEMU.withStart(0, ns(startupMs)).withPlaceNs(ns(placeMs / pages));
  }

  private static double median(
      KeptRestores guest, Strategy strategy, ToDoubleFunction<RunResult> number) {
    return median(
        guest.runs().stream()
            .filter(run -> run.condition().strategy().equals(strategy.label()))
            .mapToDouble(number)
            .toArray());
  }

  private static double known(
      RunResult run, String what, Function<RunResult, ? extends @Nullable Number> number) {
    Number found = number.apply(run);
    if (found == null) {
      throw new IllegalArgumentException(
          "the simulator cannot be checked, this run does not know its %s: %s"
              .formatted(what, run.condition()));
    }
    return found.doubleValue();
  }

  /** The median of all errors, without their signs. */
  static double medianError(List<Row> rows, ToDoubleFunction<Row> error) {
    return median(rows.stream().mapToDouble(error).map(Math::abs).toArray());
  }

  static double median(double... values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
