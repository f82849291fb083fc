package org.rekindle.lab.bench;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Restores from one image that were commanded at the same instant. Times count from there.
 *
 * @param storage name of the storage condition
 * @param guests how many
 * @param round from 1
 * @param ttrMs TTR(1 s, 0.9) of each
 * @param allInMs when the last page of the last guest was in
 * @param placedBytes memory that was brought to all of them, zeros not counted
 * @param readBytes that their pagers read, from the device or from its cache
 * @param deviceBytes that the device gave; null where nobody counts them
 * @param identical how many had the memory that was saved
 */
record Wave(
    String storage,
    int guests,
    int round,
    List<Double> ttrMs,
    double allInMs,
    long placedBytes,
    long readBytes,
    @Nullable Long deviceBytes,
    int identical) {

  /** Memory that came in each second, to all guests together. */
  double placedBytesPerSecond() {
    return placedBytes / (allInMs / 1e3);
  }

  Map<String, @Nullable Object> toMap() {
    Map<String, @Nullable Object> map = new LinkedHashMap<>();
    map.put("storage", storage);
    map.put("guests", (long) guests);
    map.put("round", (long) round);
    map.put("ttrMs", ttrMs);
    map.put("allInMs", allInMs);
    map.put("placedBytes", placedBytes);
    map.put("readBytes", readBytes);
    map.put("deviceBytes", deviceBytes);
    map.put("identical", (long) identical);
    return map;
  }

  static Wave fromMap(Map<?, ?> map) {
    return new Wave(
        String.valueOf(map.get("storage")),
        number(map, "guests").intValue(),
        number(map, "round").intValue(),
        map.get("ttrMs") instanceof List<?> each
            ? each.stream().map(ms -> ((Number) ms).doubleValue()).toList()
            : List.of(),
        number(map, "allInMs").doubleValue(),
        number(map, "placedBytes").longValue(),
        number(map, "readBytes").longValue(),
        map.get("deviceBytes") instanceof Number bytes ? bytes.longValue() : null,
        number(map, "identical").intValue());
  }

  private static Number number(Map<?, ?> map, String name) {
    if (map.get(name) instanceof Number number) {
      return number;
    }
    throw new IllegalArgumentException("a wave has no number " + name);
  }
}
