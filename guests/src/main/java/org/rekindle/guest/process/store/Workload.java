package org.rekindle.guest.process.store;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rekindle.json.Members;

/**
 * What a {@link Load} does with its store.
 *
 * @param records how many it puts at first
 * @param hotRecords how many of them get nearly all requests
 * @param rounds how often the value of a request is hashed: what answering costs beside memory
 * @param operationsPerBeat how many operations make a heartbeat
 */
public record Workload(long records, long hotRecords, int rounds, int operationsPerBeat) {
  private static final long MOST_RECORDS = 1L << 28;

  public Workload {
    if (records < 1
        || records > MOST_RECORDS
        || hotRecords < 1
        || hotRecords > records
        || rounds < 1
        || operationsPerBeat < 1) {
      throw new IllegalArgumentException(
          "%d records, %d of them hot, %d rounds, %d operations a beat"
              .formatted(records, hotRecords, rounds, operationsPerBeat));
    }
  }

  /** As JSON. */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("records", records);
    map.put("hotRecords", hotRecords);
    map.put("rounds", (long) rounds);
    map.put("operationsPerBeat", (long) operationsPerBeat);
    return map;
  }

  /**
   * Reads what {@link #toMap} wrote.
   *
   * @throws IllegalArgumentException if a member is missing, of another type or out of range
   */
  public static Workload fromMap(Map<String, @Nullable Object> map) {
    return new Workload(
        Members.integer(map, "records"),
        Members.integer(map, "hotRecords"),
        Math.toIntExact(Members.integer(map, "rounds")),
        Math.toIntExact(Members.integer(map, "operationsPerBeat")));
  }
}
