package org.rekindle.lab;

import java.util.Collection;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Repetitions of one number: their median and how far they are apart.
 *
 * @param known how many repetitions have the number at all
 */
public record Spread(double median, double min, double max, int known) {

  /** Of all that are known; null if none is. */
  public static @Nullable Spread of(Collection<? extends @Nullable Number> repetitions) {
    double[] sorted =
        repetitions.stream()
            .filter(Objects::nonNull)
            .mapToDouble(Number::doubleValue)
            .sorted()
            .toArray();
    if (sorted.length == 0) {
      return null;
    }
    int middle = sorted.length / 2;
    double median =
        sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    return new Spread(median, sorted[0], sorted[sorted.length - 1], sorted.length);
  }

  public boolean overlaps(Spread other) {
    return min <= other.max && other.min <= max;
  }
}
