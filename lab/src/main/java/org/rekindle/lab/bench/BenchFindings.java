package org.rekindle.lab.bench;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * All that a benchmark has found.
 *
 * @param comparisons one for each guest and storage
 * @param growth of one working set in ever larger guests, restored by adaptive alone
 * @param waves of restores at once
 */
public record BenchFindings(
    List<Comparison> comparisons, List<Comparison> growth, List<Wave> waves) {
  public BenchFindings {
    comparisons = List.copyOf(comparisons);
    growth = List.copyOf(growth);
    waves = List.copyOf(waves);
  }

  /** Restores whose memory was not as it was saved. */
  public long notIdentical() {
    long runs =
        java.util.stream.Stream.concat(comparisons.stream(), growth.stream())
            .flatMap(each -> each.runs().stream())
            .filter(run -> Boolean.FALSE.equals(run.evidence().memoryIdentical()))
            .count();
    return runs + waves.stream().mapToLong(wave -> wave.guests() - wave.identical()).sum();
  }

  /** For programs. */
  public Map<String, @Nullable Object> toMap() {
    Map<String, @Nullable Object> map = new LinkedHashMap<>();
    map.put("comparisons", comparisons.stream().map(Comparison::toMap).toList());
    map.put("growth", growth.stream().map(Comparison::toMap).toList());
    map.put("waves", waves.stream().map(Wave::toMap).toList());
    return map;
  }
}
