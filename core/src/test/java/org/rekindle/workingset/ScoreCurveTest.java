package org.rekindle.workingset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

class ScoreCurveTest {
  // ranked   5  2  8  1  9    set: the first three
  // touched  5     8     9 and 4, which was never ranked
  private static final ScoreCurve CURVE =
      new ScoreCurve(new Ranking(new int[] {5, 2, 8, 1, 9}, 3), 4, 5, 8, 9, 5);

  @Test
  void aBudgetCutsTheRanking() {
    assertThat(CURVE.at(0)).isEqualTo(new Score(0, 0, 4));
    assertThat(CURVE.at(1)).isEqualTo(new Score(1, 1, 4));
    assertThat(CURVE.at(2)).isEqualTo(new Score(2, 1, 4));
    assertThat(CURVE.at(4)).isEqualTo(new Score(4, 2, 4));
    assertThat(CURVE.at(5)).isEqualTo(new Score(5, 3, 4));
    assertThat(CURVE.at(100)).isEqualTo(new Score(5, 3, 4));
  }

  @Test
  void theSetIsScoredAtItsOwnSize() {
    assertThat(CURVE.ofSet()).isEqualTo(new Score(3, 2, 4));
    assertThat(CURVE.ofSet().coverage()).isEqualTo(0.5);
    assertThat(CURVE.ofSet().precision()).isEqualTo(2.0 / 3);
    assertThat(CURVE.ofSet().missed()).isEqualTo(2);
    assertThat(CURVE.ofSet().wasted()).isEqualTo(1);
  }

  @Test
  void theSmallestBudgetForACoverageIsFound() {
    assertThat(CURVE.budgetFor(0)).isEqualTo(OptionalInt.of(0));
    assertThat(CURVE.budgetFor(0.5)).isEqualTo(OptionalInt.of(3));
    assertThat(CURVE.budgetFor(0.75)).isEqualTo(OptionalInt.of(5));
    assertThat(CURVE.budgetFor(0.76)).isEmpty();
  }

  // VEE'11, tables 2 and 3: prefetched, "avoided", on-demand faults left.
  @Test
  void thePapersTablesHaveThePapersCoverage() {
    Score mplayerTrace = new Score(10_113, 10_084, 10_084 + 84);
    assertThat(mplayerTrace.coverage()).isCloseTo(0.992, within(0.0005));
    Score specjbbBits = new Score(83_471, 30_501, 30_501 + 442);
    assertThat(specjbbBits.coverage()).isCloseTo(0.986, within(0.0005));
    assertThat(specjbbBits.precision()).isCloseTo(0.365, within(0.0005));
  }

  @Test
  void nothingTouchedIsCoveredAndNothingPrefetchedIsNotWasted() {
    Score nothing = new ScoreCurve(new Ranking(new int[0], 0)).at(7);
    assertThat(nothing).isEqualTo(new Score(0, 0, 0));
    assertThat(nothing.coverage()).isEqualTo(1);
    assertThat(nothing.precision()).isEqualTo(1);
  }

  @Test
  void aRankingBecomesAProfileWithoutTimes() {
    Profile profile = new Ranking(new int[] {5, 2, 8}, 3).profile(2, "clock");
    assertThat(profile.pages()).containsExactly(5, 2);
    assertThat(profile.touchNs(1)).isZero();
    assertThat(profile.access(0)).isEqualTo(Access.UNKNOWN);
    assertThat(profile.source()).isEqualTo("clock");
  }

  @Test
  void whatCannotBeIsRefused() {
    assertThatThrownBy(() -> new Ranking(new int[] {1, 2, 1}, 0))
        .hasMessage("page 1 is ranked twice");
    assertThatThrownBy(() -> new Ranking(new int[] {1}, 2)).hasMessageContaining("does not fit");
    assertThatThrownBy(() -> new Score(1, 2, 5)).hasMessageContaining("2 used");
  }
}
