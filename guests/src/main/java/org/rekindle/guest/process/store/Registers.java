package org.rekindle.guest.process.store;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rekindle.json.Members;

/**
 * All that a {@link Load} has outside the store's memory, as a processor has its registers.
 *
 * @param random state of its generator; not 0
 * @param operations how many it has done since the store was made
 * @param digest of all that was read
 */
public record Registers(long random, long operations, long digest) {
  public Registers {
    if (random == 0 || operations < 0) {
      throw new IllegalArgumentException(
          "no load has random state %d after %d operations".formatted(random, operations));
    }
  }

  /** Those of a load that has done nothing yet. */
  static Registers of(long seed) {
    return new Registers(Mix.of(seed) | 1, 0, 0);
  }

  /** The same load from here on with other requests, of the same kind. */
  public Registers reseeded(long seed) {
    return new Registers(Mix.of(seed) | 1, operations, 0);
  }

  /** As JSON. */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("random", random);
    map.put("operations", operations);
    map.put("digest", digest);
    return map;
  }

  /**
   * Reads what {@link #toMap} wrote.
   *
   * @throws IllegalArgumentException if a member is missing, of another type or out of range
   */
  public static Registers fromMap(Map<String, @Nullable Object> map) {
    return new Registers(
        Members.integer(map, "random"),
        Members.integer(map, "operations"),
        Members.integer(map, "digest"));
  }
}
