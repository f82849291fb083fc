package org.rekindle.restore;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GapsTest {
  private final Gaps gaps = new Gaps();

  @Test
  void withoutAnyAllFiguresAreZero() {
    assertThat(gaps.count()).isZero();
    assertThat(gaps.longestNs()).isZero();
    assertThat(gaps.quantileNs(0.99)).isZero();
    assertThat(gaps.longerThan(0)).isZero();
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 15, 16, 31, 32, 33, 1000, 999_999, 1_000_000, Long.MAX_VALUE})
  void theLongestIsExact(long ns) {
    gaps.note(ns);
    assertThat(gaps.longestNs()).isEqualTo(ns);
    assertThat(gaps.quantileNs(1)).isEqualTo(ns);
  }

  @Test
  void aQuantileIsAtMostASixteenthTooHigh() {
    long seed = System.nanoTime();
    SplittableRandom random = new SplittableRandom(seed);
    long[] all = new long[10_000];
    for (int i = 0; i < all.length; i++) {
      all[i] = random.nextLong() >>> (2 + random.nextInt(60));
      gaps.note(all[i]);
    }
    Arrays.sort(all);
    for (double share : new double[] {0.01, 0.5, 0.9, 0.99, 0.999, 1}) {
      long exact = all[(int) Math.ceil(share * all.length) - 1];
      assertThat(gaps.quantileNs(share))
          .as("seed %d, share %s", seed, share)
          .isBetween(exact, exact + exact / 16);
    }
    assertThat(gaps.longerThan(all[all.length / 2]))
        .as("seed %d", seed)
        .isLessThanOrEqualTo(all.length / 2);
  }
}
