package org.rekindle.workingset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ProfileTest {
  private static Profile profile(int[] pages, long[] touchNs, Access access) {
    Access[] kinds = new Access[pages.length];
    java.util.Arrays.fill(kinds, access);
    return new Profile(pages, touchNs, kinds, 1000, "record");
  }

  @Test
  void aUnionHasEachPageAtItsEarliestTouch() {
    Profile known = profile(new int[] {7, 3, 9}, new long[] {10, 20, 30}, Access.UNKNOWN);
    Profile missed = profile(new int[] {4, 9}, new long[] {15, 25}, Access.WRITE);
    Profile union = known.union(missed);
    assertThat(union.pages()).containsExactly(7, 4, 3, 9);
    assertThat(union.touchNs(3)).isEqualTo(25);
    assertThat(union.access(3)).isEqualTo(Access.WRITE);
    assertThat(union.access(0)).isEqualTo(Access.UNKNOWN);
  }

  @Test
  void aBudgetLeavesTheFirstPages() {
    Profile all = profile(new int[] {7, 3, 9}, new long[] {10, 20, 30}, Access.UNKNOWN);
    assertThat(all.first(2).pages()).containsExactly(7, 3);
    assertThat(all.first(5).size()).isEqualTo(3);
  }

  @Test
  void aWindowLeavesWhatWasTouchedBeforeItsEnd() {
    Profile all = profile(new int[] {7, 3, 9}, new long[] {10, 20, 30}, Access.UNKNOWN);
    assertThat(all.within(20).pages()).containsExactly(7);
    assertThat(all.within(20).horizonNs()).isEqualTo(20);
    assertThat(all.within(5000).pages()).containsExactly(7, 3, 9);
    assertThat(all.within(5000).horizonNs()).isEqualTo(1000);
  }

  @Test
  void touchesInDisorderAreRefused() {
    assertThatThrownBy(() -> profile(new int[] {1, 2}, new long[] {5, 4}, Access.READ))
        .hasMessageContaining("earlier");
  }
}
