package org.rekindle.lab.criu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Comparator;
import java.util.stream.IntStream;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;

class ZipfianKeysTest {
  private static final int KEYS = 10_000;
  private static final int DRAWS = 2_000_000;

  @Test
  void ranksComeAsOftenAsZipfsLawSays() {
    long seed = System.nanoTime();
    ZipfianKeys zipfian = new ZipfianKeys(KEYS, seed);
    int[] counts = new int[KEYS];
    for (int i = 0; i < DRAWS; i++) {
      counts[zipfian.rank()]++;
    }
    for (int first : new int[] {1, 10, 100, 1000}) {
      double drawn = IntStream.range(0, first).map(rank -> counts[rank]).sum() / (double) DRAWS;
      assertThat(drawn)
          .as("share of the first %d ranks, seed %d", first, seed)
          .isCloseTo(weight(first) / weight(KEYS), Percentage.withPercentage(5));
    }
  }

  private static double weight(int ranks) {
    return IntStream.rangeClosed(1, ranks).mapToDouble(rank -> Math.pow(rank, -0.99)).sum();
  }

  @Test
  void popularKeysAreNoNeighbours() {
    ZipfianKeys zipfian = new ZipfianKeys(KEYS, 1);
    int[] counts = new int[KEYS];
    for (int i = 0; i < DRAWS; i++) {
      counts[zipfian.next()]++;
    }
    int[] keys =
        IntStream.range(0, KEYS)
            .boxed()
            .sorted(Comparator.comparingInt(key -> -counts[key]))
            .limit(20)
            .mapToInt(Integer::intValue)
            .sorted()
            .toArray();
    for (int i = 1; i < keys.length; i++) {
      assertThat(keys[i] - keys[i - 1]).isGreaterThan(1);
    }
  }
}
