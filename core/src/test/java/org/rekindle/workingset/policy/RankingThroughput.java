package org.rekindle.workingset.policy;

import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.AccessTrace;

/**
 * Measures how long each policy takes to rank a trace of 10 million touches of a 1 GiB guest, with
 * room for a tenth of its memory. Not a test: run its {@code main}.
 *
 * <p>Three traces: a set in heavy use that moves through memory, with a third of the touches a
 * scan; a loop a little longer than the room; touches anywhere.
 */
final class RankingThroughput {
  private static final int TOUCHES = Integer.getInteger("touches", 10_000_000);
  private static final int MEMORY_PAGES = 262_144;
  private static final int CAPACITY = MEMORY_PAGES / 10;
  private static final long TOUCH_NS = TimeUnit.SECONDS.toNanos(300) / TOUCHES;

  private RankingThroughput() {}

  private interface Workload {
    int page(int touch);
  }

  public static void main(String[] arguments) {
    SplittableRandom random = new SplittableRandom(1);
    measure("set and scan", touch -> touch % 3 == 0 ? touch / 3 : near(touch / 100, random));
    measure("loop", touch -> touch % (CAPACITY * 5 / 4));
    measure("anywhere", touch -> random.nextInt(MEMORY_PAGES));
  }

  /** A page near this one: half of all within 1,000, few beyond 30,000. */
  private static int near(int page, SplittableRandom random) {
    return page + (int) (1000 * (1 / (1 - random.nextDouble()) - 1)) % MEMORY_PAGES;
  }

  private static void measure(String workload, Workload pages) {
    AccessTrace.Builder builder = AccessTrace.of(MEMORY_PAGES);
    for (int touch = 0; touch < TOUCHES; touch++) {
      builder.touch(pages.page(touch) % MEMORY_PAGES, touch * TOUCH_NS, Access.READ);
    }
    AccessTrace trace = builder.savedAt(TOUCHES * TOUCH_NS);
    for (RankingPolicy policy : RankingPolicy.asPublished(MEMORY_PAGES, CAPACITY, 1)) {
      long bestNs = Long.MAX_VALUE;
      int ranked = 0;
      for (int round = 0; round < 3; round++) {
        long beganNs = System.nanoTime();
        ranked = policy.rank(trace).size();
        bestNs = Math.min(bestNs, System.nanoTime() - beganNs);
      }
      System.out.printf(
          "%-14s %-22s %6d ms, %d pages%n", workload, policy.name(), bestNs / 1_000_000, ranked);
    }
  }
}
