package org.rekindle.workingset;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MergeRuleTest {
  private static final int PAGES = 60;

  /** A run in which each page is touched 10 ns after the one before it. */
  private static Profile run(int... pages) {
    long[] touchNs = IntStream.range(0, pages.length).mapToLong(i -> 10L * i).toArray();
    return run(pages, touchNs);
  }

  private static Profile run(int[] pages, long[] touchNs) {
    Access[] access = new Access[pages.length];
    Arrays.fill(access, Access.UNKNOWN);
    return new Profile(pages, touchNs, access, 1000, "record");
  }

  private static final List<Profile> THREE = List.of(run(1, 2, 3, 9), run(2, 1, 4), run(5, 2, 3));

  @Test
  void theLastRunStandsAlone() {
    assertThat(MergeRule.LAST.merge(THREE).pages()).containsExactly(5, 2, 3);
  }

  @Test
  void theUnionHasEachPageAtItsEarliest() {
    // at 0: 1, 2, 5; at 20: 3, 4; at 30: 9
    Profile union = MergeRule.UNION.merge(THREE);
    assertThat(union.pages()).containsExactly(1, 2, 5, 3, 4, 9);
    assertThat(union.touchNs(5)).isEqualTo(30);
    assertThat(union.source()).isEqualTo("union of 3 runs");
  }

  @Test
  void theIntersectionHasWhatAllRunsTouchedInTheOrderOfTheMean() {
    Profile both = MergeRule.INTERSECTION.merge(List.of(run(7, 8, 3, 4), run(4, 3, 8, 6)));
    // touched at 10 and 20, 20 and 10, 30 and 0; the later counts 1, the earlier 0.8
    // 8: (8 + 20) / 1.8 = 15.6; 3: (16 + 10) / 1.8 = 14.4; 4: 24 / 1.8 = 13.3
    assertThat(both.pages()).containsExactly(4, 3, 8);
    assertThat(both.touchNs(0)).isEqualTo(13);
    assertThat(both.touchNs(1)).isEqualTo(14);
    assertThat(both.touchNs(2)).isEqualTo(16);
    assertThat(MergeRule.INTERSECTION.merge(THREE).pages()).containsExactly(2);
  }

  @Test
  void theVoteHasWhatTheMajorityTouched() {
    // Weights 0.64, 0.8, 1 of 2.44: 1 (1.44), 2 (2.44) and 3 (1.64) are in; 4, 5 and 9 are not.
    Profile vote = MergeRule.VOTE.merge(THREE);
    // 1: 0.8 * 10 / 1.44 = 5.6; 2: (6.4 + 0 + 10) / 2.44 = 6.7; 3: (12.8 + 20) / 1.64 = 20
    assertThat(vote.pages()).containsExactly(1, 2, 3);
    assertThat(vote.touchNs(0)).isEqualTo(6);
    assertThat(vote.touchNs(1)).isEqualTo(7);
    assertThat(vote.touchNs(2)).isEqualTo(20);
  }

  @Test
  void theVoteOfTwoRunsIsTheLast() {
    // 1: 10 / 1.8 = 5.6; 2: 0.8 * 10 / 1.8 = 4.4
    assertThat(MergeRule.VOTE.merge(THREE.subList(0, 2)).pages()).containsExactly(2, 1, 4);
  }

  @Test
  void aGuestWhoseHabitsHaveChangedIsFollowedAfterThreeRuns() {
    List<Profile> runs = new ArrayList<>(Collections.nCopies(5, run(1, 2, 3)));
    runs.addAll(Collections.nCopies(2, run(7, 8)));
    assertThat(MergeRule.VOTE.merge(runs).pages()).containsExactly(1, 2, 3);
    runs.add(run(7, 8));
    assertThat(MergeRule.VOTE.merge(runs).pages()).containsExactly(7, 8);
  }

  @Test
  void aPageHasTheAccessThatTheLatestRunWhichKnowsItSaw() {
    Profile read = known(Access.READ);
    Profile written = known(Access.WRITE);
    Profile unknown = known(Access.UNKNOWN);
    assertThat(MergeRule.VOTE.merge(List.of(read, written, unknown)).access(0))
        .isEqualTo(Access.WRITE);
    assertThat(MergeRule.VOTE.merge(List.of(unknown, unknown)).access(0)).isEqualTo(Access.UNKNOWN);
  }

  private static Profile known(Access access) {
    return new Profile(new int[] {4}, new long[] {1}, new Access[] {access}, 1000, "record");
  }

  @ParameterizedTest
  @EnumSource
  void ofOneRunEveryRuleMakesThatRun(MergeRule rule) {
    Profile only = run(4, 2, 8);
    assertThat(rule.merge(List.of(only))).isSameAs(only);
  }

  @ParameterizedTest
  @EnumSource
  void equalRunsMergeToTheirPagesInTheirOrder(MergeRule rule) {
    Profile each = run(4, 2, 8);
    Profile merged = rule.merge(Collections.nCopies(8, each));
    assertThat(merged.pages()).isEqualTo(each.pages());
    IntStream.range(0, 3)
        .forEach(rank -> assertThat(merged.touchNs(rank)).isEqualTo(each.touchNs(rank)));
  }

  @Test
  void runsWithoutPagesMergeToNone() {
    for (MergeRule rule : MergeRule.values()) {
      assertThat(rule.merge(List.of(run(), run(), run())).size()).isZero();
    }
  }

  @Test
  void whatAllHaveIsInEveryVoteAndNothingIsThatNoneHas() {
    for (long seed = 0; seed < 300; seed++) {
      List<Profile> runs = randomRuns(new Random(seed));
      BitSet intersection = set(MergeRule.INTERSECTION.merge(runs));
      BitSet vote = set(MergeRule.VOTE.merge(runs));
      BitSet union = set(MergeRule.UNION.merge(runs));
      BitSet all = set(runs.getFirst());
      BitSet any = new BitSet();
      for (Profile run : runs) {
        all.and(set(run));
        any.or(set(run));
      }
      assertThat(intersection).as("seed %d", seed).isEqualTo(all);
      assertThat(union).as("seed %d", seed).isEqualTo(any);
      assertThat(contains(vote, intersection)).as("seed %d", seed).isTrue();
      assertThat(contains(union, vote)).as("seed %d", seed).isTrue();
    }
  }

  @Test
  void aMeanLiesBetweenTheEarliestAndTheLatestTouch() {
    for (long seed = 0; seed < 300; seed++) {
      List<Profile> runs = randomRuns(new Random(seed));
      Profile vote = MergeRule.VOTE.merge(runs);
      for (int rank = 0; rank < vote.size(); rank++) {
        int page = vote.page(rank);
        long[] touches =
            runs.stream()
                .flatMapToLong(run ->
                    IntStream.range(0, run.size())
                        .filter(i -> run.page(i) == page)
                        .mapToLong(run::touchNs))
                .sorted()
                .toArray();
        assertThat(vote.touchNs(rank))
            .as("seed %d", seed)
            .isBetween(touches[0], touches[touches.length - 1]);
      }
    }
  }

  private static List<Profile> randomRuns(Random random) {
    List<Profile> runs = new ArrayList<>();
    int count = 1 + random.nextInt(RunHistory.MAX_RUNS);
    for (int i = 0; i < count; i++) {
      List<Integer> pages = new ArrayList<>(IntStream.range(0, PAGES).boxed().toList());
      Collections.shuffle(pages, random);
      int size = random.nextInt(PAGES + 1);
      runs.add(
          run(
              pages.stream().limit(size).mapToInt(Integer::intValue).toArray(),
              random.longs(size, 0, 1000).sorted().toArray()));
    }
    return runs;
  }

  private static BitSet set(Profile profile) {
    BitSet set = new BitSet();
    Arrays.stream(profile.pages()).forEach(set::set);
    return set;
  }

  private static boolean contains(BitSet large, BitSet small) {
    BitSet rest = (BitSet) small.clone();
    rest.andNot(large);
    return rest.isEmpty();
  }
}
