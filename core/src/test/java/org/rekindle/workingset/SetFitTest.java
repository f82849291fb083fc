package org.rekindle.workingset;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SetFitTest {
  private static Profile profile(int... pages) {
    Access[] access = new Access[pages.length];
    Arrays.fill(access, Access.UNKNOWN);
    return new Profile(pages, new long[pages.length], access, 1, "record");
  }

  private static SetFit fit(Profile set, Profile seen) {
    return SetFit.of(set, seen, SetSample.NONE);
  }

  @Test
  void faultsOutsideOfTheSetAreCounted() {
    SetFit fit = fit(profile(1, 2, 3), profile(3, 4, 5, 1));
    assertThat(fit).isEqualTo(new SetFit(3, 2, SetSample.NONE));
    assertThat(fit.outsideShareAtLeast()).isEqualTo(0.4);
    assertThat(fit.stale()).isFalse();
  }

  @Test
  void aSetIsStaleWhenItCannotHaveHadHalfOfWhatWasTouched() {
    assertThat(fit(profile(1, 2), profile(3, 4)).stale()).isFalse();
    assertThat(fit(profile(1, 2), profile(3, 4, 5)).stale()).isTrue();
    assertThat(fit(profile(), profile()).stale()).isFalse();
    assertThat(fit(profile(1), profile()).outsideShareAtLeast()).isZero();
  }

  @Test
  void aSetIsStaleWhenItsSampleTellsThatLessThanHalfOfItWasTouched() {
    Profile set = profile(IntStream.range(0, 1000).toArray());
    assertThat(SetFit.of(set, profile(), new SetSample(128, 52)).stale()).isTrue();
    assertThat(SetFit.of(set, profile(), new SetSample(128, 60)).stale()).isFalse();
    assertThat(SetFit.of(set, profile(), new SetSample(3, 0)).stale()).as("too few").isFalse();
    int[] outside = IntStream.range(2000, 2600).toArray();
    assertThat(SetFit.of(set, profile(outside), SetSample.NONE).stale()).isFalse();
    SetFit fit = SetFit.of(set, profile(outside), new SetSample(128, 64));
    assertThat(fit.outsideShareAtLeast()).isBetween(0.5, 0.52);
    assertThat(fit.stale()).as("600 outside, at most 586 inside").isTrue();
  }

  /** Of random sets and touches, some of which are not seen: the bound never says too much. */
  @Test
  void theShareOutsideIsNeverLessThanIsTold() {
    for (long seed = 0; seed < 500; seed++) {
      Random random = new Random(seed);
      int[] set = some(random);
      int[] touched = some(random);
      int[] seen = Arrays.stream(touched).filter(page -> random.nextBoolean()).toArray();
      SetFit fit = fit(profile(set), profile(seen));
      BitSet inside = new BitSet();
      Arrays.stream(set).forEach(inside::set);
      long outside = Arrays.stream(touched).filter(page -> !inside.get(page)).count();
      assertThat((double) outside)
          .as("seed %d", seed)
          .isGreaterThanOrEqualTo(fit.outsideShareAtLeast() * touched.length);
      if (fit.stale()) {
        assertThat(2 * outside).as("seed %d", seed).isGreaterThan(touched.length);
      }
    }
  }

  private static int[] some(Random random) {
    double share = random.nextDouble();
    return IntStream.range(0, 60).filter(page -> random.nextDouble() < share).toArray();
  }
}
