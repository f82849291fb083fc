package org.rekindle.workingset.policy;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.Ranking;
import org.rekindle.workingset.Score;
import org.rekindle.workingset.ScoreCurve;

class ControlsTest {
  private static final AccessTrace TRACE = Touches.of("A B A C B A D C");

  // A three times, B and C twice (C later), D once.
  @Test
  void frequencyCountsTouchesAndBreaksTiesByRecency() {
    assertThat(Touches.letters(new Frequency().rank(TRACE))).isEqualTo("A C B D");
  }

  // Sweeps at 4 and 8: {A B C}, {A B C D}.
  @Test
  void frequencyCountsSweeps() {
    assertThat(Touches.letters(new Frequency().rank(TRACE.sweeps(4)))).isEqualTo("A B C D");
  }

  @Test
  void theOracleKnowsWhatComesAndInWhichOrder() {
    Profile future = Touches.profile("C X A C");
    Ranking ranking = new Oracle(future).rank(TRACE);
    assertThat(Touches.letters(ranking)).isEqualTo("C X A D B");
    assertThat(new ScoreCurve(ranking, future.pages()).ofSet()).isEqualTo(new Score(3, 3, 3));
  }

  @Test
  void theSeedAloneDecidesTheRandomOrder() {
    int[] once = new Shuffled(42).rank(TRACE).pages();
    assertThat(new Shuffled(42).rank(Touches.of("D C B A")).pages()).isEqualTo(once);
    assertThat(new Shuffled(42).rank(TRACE).setSize()).isEqualTo(4);
  }

  // 24 orders of four pages, each about 1,000 times in 24,000; five standard deviations are 155.
  @Test
  void seedsInARowFavourNoOrder() {
    Map<String, Integer> orders = new HashMap<>();
    for (int seed = 0; seed < 24_000; seed++) {
      orders.merge(Touches.letters(new Shuffled(seed).rank(TRACE)), 1, Integer::sum);
    }
    assertThat(orders).hasSize(24);
    assertThat(orders.values()).allMatch(count -> Math.abs(count - 1000) < 155);
  }
}
