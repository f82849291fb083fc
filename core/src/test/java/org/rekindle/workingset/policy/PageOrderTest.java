package org.rekindle.workingset.policy;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Comparator;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PageOrderTest {
  @Test
  void whoComesAgainKeepsItsPlace() {
    PageOrder order = new PageOrder();
    order.add(Touches.pages("C A C"));
    order.addByRecency(Touches.of("A B D B C"));
    assertThat(Touches.letters(order.ranking(2))).isEqualTo("C A B D");
  }

  @Test
  void sortingIsStable() {
    for (int run = 0; run < 200; run++) {
      int seed = 4_000 + run;
      Random random = new Random(seed);
      int[] keys = random.ints(random.nextInt(200), 0, 10).toArray();
      int[] pages = IntStream.range(0, keys.length).toArray();
      int[] sorted = PageOrder.sorted(pages, (a, b) -> Integer.compare(keys[a], keys[b]));
      int[] expected =
          IntStream.range(0, keys.length)
              .boxed()
              .sorted(Comparator.comparingInt(page -> keys[page]))
              .mapToInt(Integer::intValue)
              .toArray();
      assertThat(sorted).as("seed %d", seed).isEqualTo(expected);
    }
  }
}
