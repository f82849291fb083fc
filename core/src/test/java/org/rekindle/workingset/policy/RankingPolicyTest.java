package org.rekindle.workingset.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Ranking;
import org.rekindle.workingset.Sweeps;

/** What holds for every policy. */
class RankingPolicyTest {
  private static List<RankingPolicy> policies(Random random, int memoryPages) {
    int capacity = 2 + random.nextInt(50);
    return Stream.concat(
            RankingPolicy.asPublished(memoryPages, capacity, random.nextLong()).stream(),
            Stream.of(
                new WorkingSet(1 + random.nextInt(100)),
                Ageing.oneBit(1 + random.nextInt(50)),
                new Ageing(1 + random.nextInt(63), 1 + random.nextInt(50)),
                new Clock(1 + random.nextInt(5)),
                new LruK(1 + random.nextInt(4), random.nextInt(10), 10 + random.nextInt(100)),
                new Lirs(2 + random.nextInt(20), random.nextDouble()),
                new ClockPro(2 + random.nextInt(5)),
                new Car(1 + random.nextInt(5))))
        .toList();
  }

  @Test
  void everyPageThatWasSeenIsRankedOnce() {
    for (int run = 0; run < 300; run++) {
      int seed = 7_100 + run;
      Random random = new Random(seed);
      AccessTrace trace = Touches.random(random);
      Sweeps sweeps = trace.sweeps(1 + random.nextInt(40));
      int[] seen = IntStream.range(0, trace.size()).map(trace::page).distinct().sorted().toArray();
      for (RankingPolicy policy : policies(random, trace.memoryPages())) {
        for (Ranking ranking : List.of(policy.rank(trace), policy.rank(sweeps))) {
          int[] pages = ranking.pages();
          Arrays.sort(pages);
          assertThat(pages).as("%s, seed %d", policy, seed).isEqualTo(seen);
        }
      }
    }
  }

  @Test
  void theSameObservationGivesTheSameRanking() {
    for (int run = 0; run < 50; run++) {
      int seed = 7_500 + run;
      Random random = new Random(seed);
      AccessTrace trace = Touches.random(random);
      for (RankingPolicy policy : policies(random, trace.memoryPages())) {
        Ranking once = policy.rank(trace);
        Ranking again = policy.rank(trace);
        assertThat(again.pages()).as("%s, seed %d", policy, seed).isEqualTo(once.pages());
        assertThat(again.setSize()).isEqualTo(once.setSize());
      }
    }
  }

  @Test
  void aMemoryIsFullBeforeItGivesUpAPageAndNeverHoldsMore() {
    for (int run = 0; run < 200; run++) {
      int seed = 7_800 + run;
      Random random = new Random(seed);
      AccessTrace trace = Touches.random(random);
      int capacity = 2 + random.nextInt(30);
      for (RankingPolicy policy :
          List.of(
              new Clock(capacity), new Lirs(capacity), new ClockPro(capacity), new Car(capacity))) {
        Ranking ranking = policy.rank(trace);
        assertThat(ranking.setSize())
            .as("%s, seed %d", policy, seed)
            .isEqualTo(Math.min(capacity, ranking.size()));
        assertThat(trace.size() == 0 || holds(ranking, trace.page(trace.size() - 1)))
            .as("%s has the page that was touched last, seed %d", policy, seed)
            .isTrue();
      }
    }
  }

  private static boolean holds(Ranking ranking, int page) {
    return IntStream.range(0, ranking.setSize()).anyMatch(rank -> ranking.page(rank) == page);
  }

  @Test
  void nothingSeenIsNothingRanked() {
    AccessTrace nothing = AccessTrace.of(0).savedAt(0);
    for (RankingPolicy policy : RankingPolicy.asPublished(262_144, 2, 1)) {
      assertThat(policy.rank(nothing).size()).isZero();
      assertThat(policy.rank(Sweeps.of(5).build()).size()).isZero();
    }
  }

  @Test
  void namesTellThePoliciesApart() {
    assertThat(RankingPolicy.asPublished(262_144, 100, 1))
        .extracting(RankingPolicy::name)
        .containsExactly(
            "working-set-64000ms",
            "access-bit",
            "ageing-8",
            "clock",
            "lru-2",
            "lirs",
            "clock-pro",
            "car",
            "frequency",
            "random");
  }

  @Test
  void aCapacityThatAPolicyCannotDivideIsRefused() {
    assertThatThrownBy(() -> new Lirs(1)).hasMessageContaining("at least 2");
    assertThatThrownBy(() -> new ClockPro(1)).hasMessageContaining("at least 2");
    assertThatThrownBy(() -> new Car(0)).hasMessageContaining("at least 1");
    assertThatThrownBy(() -> new Clock(0)).hasMessageContaining("at least 1");
  }
}
