package org.rekindle.lab.paper;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.BitSet;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;

class WrongSetTest {
  private static final int PAGES = 1000;
  private static final Profile SET = set();

  private static Profile set() {
    Access[] access = new Access[PAGES];
    Arrays.fill(access, Access.UNKNOWN);
    return new Profile(
        IntStream.range(0, PAGES).map(rank -> 7 * rank).toArray(),
        LongStream.range(0, PAGES).toArray(),
        access,
        5000,
        "test");
  }

  @Test
  void aPartOfASetKeepsItsOrderAndItsTimes() {
    Profile half = WrongSet.kept(SET, 0.5, 1);
    assertThat(half.size()).isEqualTo(500);
    for (int rank = 0; rank < half.size(); rank++) {
      assertThat(half.page(rank)).isEqualTo(7 * (int) half.touchNs(rank));
    }
    assertThat(WrongSet.kept(SET, 0.5, 1).pages()).isEqualTo(half.pages());
    assertThat(WrongSet.kept(SET, 0.5, 2).pages()).isNotEqualTo(half.pages());
  }

  @Test
  void aWiderSetHasTheSetFirstAndThenOthersOnce() {
    BitSet others = new BitSet();
    others.set(10_000, 10_300);
    Profile wide = WrongSet.widened(SET, others, 200, 1);
    assertThat(wide.first(PAGES).pages()).isEqualTo(SET.pages());
    assertThat(wide.pages()).hasSize(1200).doesNotHaveDuplicates();
    assertThat(Arrays.stream(wide.pages()).skip(PAGES)).allMatch(others::get);
    assertThat(WrongSet.widened(SET, others, 900, 1).size()).isEqualTo(1300);
  }
}
