package org.rekindle.workingset.policy;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashSet;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Ranking;
import org.rekindle.workingset.Sweeps;

class WorkingSetTest {
  // Denning 1968, definition of W(t, tau): the pages referenced in (t - tau, t].
  //   time   1 2 3 4 5 6      W(6, 3) = (3, 6]: C A C       = {A, C}
  //   page   A B B C A C      W(6, 4) = (2, 6]: B C A C     = {A, B, C}
  @Test
  void theWindowIsOpenAtItsBeginning() {
    AccessTrace trace = Touches.of("A B B C A C");
    Ranking three = new WorkingSet(3).rank(trace);
    assertThat(Touches.letters(three)).isEqualTo("C A B");
    assertThat(three.setSize()).isEqualTo(2);
    assertThat(new WorkingSet(4).rank(trace).setSize()).isEqualTo(3);
    assertThat(new WorkingSet(1).rank(trace).setSize()).isEqualTo(1);
  }

  @Test
  void theOrderIsThatOfRecencyWhateverTheWindow() {
    for (int run = 0; run < 200; run++) {
      int seed = 100 + run;
      Random random = new Random(seed);
      AccessTrace trace = Touches.random(random);
      LinkedHashSet<Integer> recency = new LinkedHashSet<>();
      for (int touch = trace.size() - 1; touch >= 0; touch--) {
        recency.add(trace.page(touch));
      }
      int[] order = recency.stream().mapToInt(Integer::intValue).toArray();
      assertThat(new WorkingSet(1 + random.nextInt(300)).rank(trace).pages())
          .as("seed %d", seed)
          .isEqualTo(order);
    }
  }

  @Test
  void thePagesOfOneSweepAreInAscendingOrder() {
    Sweeps sweeps = Touches.of("D B A C B").sweeps(3); // at 2: B D; at 5: A B C
    assertThat(Touches.letters(new WorkingSet(3).rank(sweeps))).isEqualTo("A B C D");
    assertThat(new WorkingSet(3).rank(sweeps).setSize()).isEqualTo(3);
  }
}
