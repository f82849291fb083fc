package org.rekindle.workingset.policy;

import java.util.List;
import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Ranking;
import org.rekindle.workingset.Sweeps;

/**
 * A way to order the pages that were seen before a save by how much they are worth prefetching. A
 * pure function: the same observation gives the same ranking.
 */
public sealed interface RankingPolicy permits TouchPolicy, Ageing {
  /** For people and tables: {@code "lru-2"}. */
  String name();

  /** Ranks every page that was touched in the trace, as of the instant of the save. */
  Ranking rank(AccessTrace trace);

  /** Ranks every page that a sweep found, as of the instant of the save. */
  Ranking rank(Sweeps sweeps);

  /**
   * Every policy that needs no future, with the parameters of its paper.
   *
   * @param memoryPages size of the guest, from which the time of one restore follows by the rate
   *     rule of VEE'11
   * @param capacity pages that a policy with a capacity may hold: the prefetch budget; at least 2
   * @param seed of the random order
   */
  static List<RankingPolicy> asPublished(int memoryPages, int capacity, long seed) {
    long restoreNs = Sweeps.sweepNs(memoryPages);
    return List.of(
        new WorkingSet(restoreNs),
        Ageing.oneBit(restoreNs),
        new Ageing(Ageing.USUAL_BITS, restoreNs),
        new Clock(capacity),
        LruK.asPublished(),
        new Lirs(capacity),
        new ClockPro(capacity),
        new Car(capacity),
        new Frequency(),
        new Shuffled(seed));
  }
}
