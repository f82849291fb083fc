package org.rekindle.workingset;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class AccessLocalityTest {
  private static Profile run(int... pages) {
    Access[] access = new Access[pages.length];
    Arrays.fill(access, Access.UNKNOWN);
    return new Profile(pages, new long[pages.length], access, 1, "record");
  }

  @Test
  void theLastRunLiesFirstThenWhatOnlyEarlierOnesTouchedThenTheRest() {
    List<Profile> runs = List.of(run(9, 1, 8), run(1, 7, 3), run(3, 5, 1));
    assertThat(AccessLocality.order(runs, 11)).containsExactly(3, 5, 1, 7, 9, 8, 0, 2, 4, 6, 10);
    assertThat(AccessLocality.touched(runs)).isEqualTo(6);
  }

  @Test
  void withoutTouchesAllLiesAsInMemory() {
    assertThat(AccessLocality.order(List.of(), 4)).containsExactly(0, 1, 2, 3);
    assertThat(AccessLocality.order(List.of(run()), 4)).containsExactly(0, 1, 2, 3);
  }
}
