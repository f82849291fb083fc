package org.rekindle.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.rekindle.restore.FaultLog;

/**
 * How long faults took from their arrival to their service: the first thousand by hundreds, and all
 * later ones. A handler that has just started shows in the first.
 */
final class ServiceTimes {
  private static final int GROUP = 100;
  private static final int GROUPS = 10;

  private ServiceTimes() {}

  /** For programs: a list of groups, in the order of arrival. */
  static List<@Nullable Object> of(FaultLog log) {
    int[] arrived =
        IntStream.range(0, log.size())
            .boxed()
            .sorted(Comparator.comparingLong(log::arrivalNs))
            .mapToInt(Integer::intValue)
            .toArray();
    List<@Nullable Object> groups = new ArrayList<>();
    for (int from = 0; from < arrived.length; ) {
      boolean last = groups.size() == GROUPS;
      int to = last ? arrived.length : Math.min(from + GROUP, arrived.length);
      double[] us =
          Arrays.stream(arrived, from, to)
              .mapToDouble(i -> Math.max(0, log.servedNs(i) - log.arrivalNs(i)) / 1e3)
              .sorted()
              .toArray();
      Map<String, @Nullable Object> group = new LinkedHashMap<>();
      group.put("fromFault", from + 1);
      group.put("faults", us.length);
      group.put("medianUs", at(us, 0.5));
      group.put("p99Us", at(us, 0.99));
      groups.add(group);
      from = to;
    }
    return groups;
  }

  private static double at(double[] ascending, double share) {
    return ascending[(int) Math.ceil(share * ascending.length) - 1];
  }
}
