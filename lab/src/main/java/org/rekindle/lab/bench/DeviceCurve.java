package org.rekindle.lab.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A device as it was measured.
 *
 * @param fastestNs the least time in which the first {@code i + 1} extents of a sequential read had
 *     come, in any trial
 * @param sequentialBytesPerSecond of the pager's way to read in bulk, for each trial
 * @param readNs how long single reads of a block took, one at a time
 */
record DeviceCurve(List<Long> fastestNs, List<Double> sequentialBytesPerSecond, List<Long> readNs) {
  /*
   * Why not two numbers, latency and bandwidth? A throttled device grants by the slice: of the "120
   * MB/s" disk the first 12 MB come at once, and a bound from two numbers would be above what
   * restores then reach. The curve needs no model of that: what was never faster in any trial is
   * taken for the limit.
   */

  /** The pager's extent: bulk reads are measured in it. */
  static final int EXTENT_BYTES = 1 << 20;

  static final DeviceCurve UNKNOWN = new DeviceCurve(List.of(), List.of(), List.of());

  /** This and another measurement of the same device. */
  DeviceCurve and(DeviceCurve other) {
    int extents = Math.max(fastestNs.size(), other.fastestNs.size());
    Long[] fastest = new Long[extents];
    long least = Long.MAX_VALUE;
    for (int i = extents - 1; i >= 0; i--) { // more bytes never come sooner than fewer
      least = Math.min(least, Math.min(at(fastestNs, i), at(other.fastestNs, i)));
      fastest[i] = least;
    }
    return new DeviceCurve(
        List.of(fastest),
        joined(sequentialBytesPerSecond, other.sequentialBytesPerSecond),
        joined(readNs, other.readNs));
  }

  private static long at(List<Long> curve, int extent) {
    return extent < curve.size() ? curve.get(extent) : Long.MAX_VALUE;
  }

  private static <T> List<T> joined(List<T> some, List<T> more) {
    List<T> all = new ArrayList<>(some);
    all.addAll(more);
    return all;
  }

  /**
   * The least time in which so many bytes can be had. Inside an extent in proportion; beyond what
   * was measured at the speed of all of it.
   */
  long fastestNs(long bytes) {
    int measured = fastestNs.size();
    if (measured == 0) {
      return 0;
    }
    double extents = (double) bytes / EXTENT_BYTES;
    int whole = (int) Math.min(extents, measured);
    if (whole == measured) {
      return Math.round(fastestNs.get(measured - 1) * (extents / measured));
    }
    double before = whole == 0 ? 0 : fastestNs.get(whole - 1);
    return Math.round(before + (extents - whole) * (fastestNs.get(whole) - before));
  }

  /** The median speed of a sequential reader. */
  double bytesPerSecond() {
    return median(sequentialBytesPerSecond.stream().mapToDouble(each -> each).toArray());
  }

  /** The median time of a single read. */
  double readMs() {
    return median(readNs.stream().mapToDouble(each -> each / 1e6).toArray());
  }

  private static double median(double[] values) {
    java.util.Arrays.sort(values);
    return values.length == 0 ? Double.NaN : values[values.length / 2];
  }

  Map<String, @Nullable Object> toMap() {
    Map<String, @Nullable Object> map = new LinkedHashMap<>();
    map.put("extentBytes", (long) EXTENT_BYTES);
    map.put("fastestNs", fastestNs);
    map.put("sequentialBytesPerSecond", sequentialBytesPerSecond);
    map.put("readNs", readNs);
    return map;
  }

  static DeviceCurve fromMap(Map<String, @Nullable Object> map) {
    return new DeviceCurve(
        numbers(map, "fastestNs").stream().map(Number::longValue).toList(),
        numbers(map, "sequentialBytesPerSecond").stream().map(Number::doubleValue).toList(),
        numbers(map, "readNs").stream().map(Number::longValue).toList());
  }

  private static List<Number> numbers(Map<String, @Nullable Object> map, String name) {
    List<Number> numbers = new ArrayList<>();
    if (map.get(name) instanceof List<?> list) {
      for (Object each : list) {
        numbers.add((Number) each);
      }
    }
    return numbers;
  }
}
