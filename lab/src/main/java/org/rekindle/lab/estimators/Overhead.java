package org.rekindle.lab.estimators;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What an estimator cost a running guest, beside the time right before it.
 *
 * @param with while it was at work
 * @param moreFaults see {@link EstimatedGuest.LiveSave}
 */
record Overhead(
    String guest,
    int round,
    String estimator,
    Stretch.Rate without,
    Stretch.Rate with,
    @Nullable Double moreFaults) {
  /** How much longer the guest's work takes, as a share. */
  double slowdown() {
    return without.beatsPerSecond() / with.beatsPerSecond() - 1;
  }

  /** What the estimator takes of a processor, as a share, beside what the guest's faults cost. */
  double cpuShare() {
    return with.cpuShare() - without.cpuShare();
  }

  Map<String, @Nullable Object> members() {
    Map<String, @Nullable Object> members = new LinkedHashMap<>();
    members.put("guest", guest);
    members.put("round", round);
    members.put("estimator", estimator);
    members.put("beatsPerSecondWithout", without.beatsPerSecond());
    members.put("beatsPerSecondWith", with.beatsPerSecond());
    members.put("cpuShareWithout", without.cpuShare());
    members.put("cpuShareWith", with.cpuShare());
    members.put("moreFaults", moreFaults);
    return members;
  }
}
