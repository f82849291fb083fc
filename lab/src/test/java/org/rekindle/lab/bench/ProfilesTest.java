package org.rekindle.lab.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;

class ProfilesTest {
  private static Profile profile(int... pages) {
    Access[] access = new Access[pages.length];
    Arrays.fill(access, Access.UNKNOWN);
    long[] touchNs = IntStream.range(0, pages.length).mapToLong(rank -> 10L * rank).toArray();
    return new Profile(pages, touchNs, access, 1000, "test");
  }

  @Test
  void groupsKeepTheirOrderAndArePutInOrderInside() {
    Profile recorded = profile(9, 3, 7, 2, 8, 1);
    assertThat(Profiles.inGroups(recorded, 4).pages()).containsExactly(2, 3, 7, 9, 1, 8);
    assertThat(Profiles.byAddress(recorded).pages()).containsExactly(1, 2, 3, 7, 8, 9);
  }

  @Test
  void whatIsLeftAfterDroppingSomeKeepsItsOrderAndItsTimes() {
    Profile recorded = profile(IntStream.range(0, 1000).map(i -> 999 - i).toArray());
    Profile left = Profiles.without(recorded, 5, new Random(1));
    assertThat(left.size()).isBetween(900, 990);
    for (int rank = 0; rank < left.size(); rank++) {
      assertThat(left.touchNs(rank)).isEqualTo(10L * (999 - left.page(rank)));
    }
  }
}
