package org.rekindle.lab.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.rekindle.lab.RunResult;
import org.rekindle.lab.RunResult.Responsiveness;
import org.rekindle.lab.Spread;
import org.rekindle.restore.Strategy;

/**
 * What the restores of one guest from one storage say of each other.
 *
 * @param guest name of the guest
 * @param storage name of the storage condition
 * @param runs all of them, the oracle's among them
 * @param device as it was measured in between
 * @param results the file that has the runs
 */
public record Comparison(
    String guest, String storage, List<RunResult> runs, DeviceCurve device, Path results) {
  private static final String OURS = Strategy.ADAPTIVE.label();

  /** Below this nothing is claimed: half of a scheduler's tick at 100 Hz. */
  private static final double NOTHING_MS = 5;

  public Comparison {
    runs = List.copyOf(runs);
  }

  /** A point of the curve where adaptive comes later than a rival. */
  public record Later(String rival, String key, Spread adaptive, Spread other) {

    String window() {
      return key.substring(0, key.indexOf('@'));
    }

    String utilisation() {
      return key.substring(key.indexOf('@') + 1);
    }

    /** How many times later. */
    double factor() {
      return adaptive.median() / other.median();
    }

    /** Whether the two cannot be told apart by these runs. */
    public boolean isWithinNoise() {
      return adaptive.overlaps(other) || adaptive.median() - other.median() < NOTHING_MS;
    }
  }

  /** Everybody who was measured, in order of TTR(1 s, 0.9); the oracle comes first. */
  List<String> strategies() {
    Set<String> names = new LinkedHashSet<>();
    runs.forEach(run -> names.add(run.condition().strategy()));
    List<String> sorted = new ArrayList<>(names);
    sorted.sort(
        Comparator.comparingDouble(name -> {
          Spread deciding = name.equals(OracleRun.NAME) ? null : ttrMs(name, "1s@0.9");
          return name.equals(OracleRun.NAME)
              ? -1
              : deciding == null ? Double.MAX_VALUE : deciding.median();
        }));
    return sorted;
  }

  /** Those that adaptive is measured against: with the right profile, and real. */
  List<String> rivals() {
    return strategies().stream()
        .filter(name -> !name.equals(OURS) && !name.equals(OracleRun.NAME))
        .filter(name -> !isRobustness(name))
        .toList();
  }

  /** Adaptive and others with a profile that is wrong. */
  List<String> robustness() {
    return strategies().stream().filter(Comparison::isRobustness).toList();
  }

  private static boolean isRobustness(String name) {
    return name.contains("profile");
  }

  List<RunResult> runsOf(String strategy) {
    return runs.stream().filter(run -> run.condition().strategy().equals(strategy)).toList();
  }

  @Nullable Spread spread(String strategy, Function<RunResult, @Nullable Number> number) {
    List<@Nullable Number> numbers = new ArrayList<>();
    runsOf(strategy).forEach(run -> numbers.add(number.apply(run)));
    return Spread.of(numbers);
  }

  @Nullable Spread ttrMs(String strategy, String key) {
    return spread(strategy, run -> run.responsiveness().ttrMs().get(key));
  }

  /** TTR of another divided by adaptive's, of medians: above 1 adaptive is earlier. */
  OptionalDouble factor(String other, String key) {
    Spread ours = ttrMs(OURS, key);
    Spread theirs = ttrMs(other, key);
    return ours == null || theirs == null || ours.median() == 0
        ? OptionalDouble.empty()
        : OptionalDouble.of(theirs.median() / ours.median());
  }

  /** Every point of every curve where a rival's median is earlier than adaptive's. */
  List<Later> exceptions() {
    List<Later> exceptions = new ArrayList<>();
    for (String rival : rivals()) {
      for (String key : keys()) {
        Spread ours = ttrMs(OURS, key);
        Spread theirs = ttrMs(rival, key);
        if (ours != null && theirs != null && theirs.median() < ours.median()) {
          exceptions.add(new Later(rival, key, ours, theirs));
        }
      }
    }
    return exceptions;
  }

  static List<String> keys() {
    List<String> keys = new ArrayList<>();
    for (String window : Responsiveness.WINDOWS.keySet()) {
      for (String utilisation : Responsiveness.UTILISATIONS) {
        keys.add(window + "@" + utilisation);
      }
    }
    return keys;
  }

  /** The run whose TTR(1 s, 0.9) is the median's nearest; null if there is none. */
  @Nullable RunResult typical(String strategy) {
    Spread deciding = ttrMs(strategy, "1s@0.9");
    return deciding == null
        ? null
        : runsOf(strategy).stream()
            .filter(run -> run.responsiveness().ttrMs().get("1s@0.9") != null)
            .min(
                Comparator.comparingDouble(run -> {
                  Double ttrMs = run.responsiveness().ttrMs().get("1s@0.9");
                  return ttrMs == null ? Double.MAX_VALUE : Math.abs(ttrMs - deciding.median());
                }))
            .orElse(null);
  }

  /** Rounds that every competitor has. */
  long rounds() {
    return strategies().stream()
        .filter(name -> !name.equals(OracleRun.NAME))
        .mapToLong(name -> runsOf(name).size())
        .min()
        .orElse(0);
  }

  /** For programs. */
  public Map<String, @Nullable Object> toMap() {
    Map<String, @Nullable Object> map = new LinkedHashMap<>();
    map.put("guest", guest);
    map.put("storage", storage);
    map.put("rounds", rounds());
    map.put("results", results.toString());
    map.put("deviceBytesPerSecond", device.bytesPerSecond());
    map.put("deviceReadMs", device.readMs());
    Map<String, @Nullable Object> medians = new LinkedHashMap<>();
    for (String strategy : strategies()) {
      Map<String, @Nullable Object> ttrMs = new LinkedHashMap<>();
      for (String key : keys()) {
        Spread spread = ttrMs(strategy, key);
        ttrMs.put(key, spread == null ? null : (Double) spread.median());
      }
      medians.put(strategy, ttrMs);
    }
    map.put("medianTtrMs", medians);
    map.put(
        "exceptions",
        exceptions().stream()
            .map(each ->
                Map.of(
                    "rival", each.rival(),
                    "key", each.key(),
                    "adaptiveMs", each.adaptive().median(),
                    "rivalMs", each.other().median(),
                    "withinNoise", each.isWithinNoise()))
            .toList());
    return map;
  }
}
