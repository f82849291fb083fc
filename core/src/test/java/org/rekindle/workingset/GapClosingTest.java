package org.rekindle.workingset;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class GapClosingTest {
  private static int[] closed(int... pages) {
    return GapClosing.close(profile(IntStream.range(0, pages.length).asLongStream(), pages));
  }

  private static Profile profile(LongStream touchNs, int... pages) {
    Access[] access = new Access[pages.length];
    Arrays.fill(access, Access.UNKNOWN);
    return new Profile(pages, touchNs.toArray(), access, 0, "test");
  }

  @Test
  void aSetWithoutGapsStaysAsItIs() {
    assertThat(closed()).isEmpty();
    assertThat(closed(7)).containsExactly(7);
    assertThat(closed(12, 11, 13, 500, 10)).containsExactly(12, 11, 13, 500, 10);
  }

  @Test
  void thePagesOfAGapComeWithItsFirstSide() {
    assertThat(closed(10, 13)).containsExactly(10, 11, 12, 13);
    assertThat(closed(13, 10)).containsExactly(13, 12, 11, 10);
    assertThat(closed(10, 500, 13)).containsExactly(10, 11, 12, 500, 13);
  }

  @Test
  void aPageMayOpenGapsOnBothItsSides() {
    assertThat(closed(10, 8, 12)).containsExactly(10, 11, 9, 8, 12);
  }

  @Test
  void aGapAsWideAsABlockStaysOpen() {
    int[] sevenApart = {6, 7, 8, 9, 10, 18, 19, 20, 21};
    assertThat(closed(sevenApart)).hasSize(9 + 7);
    int[] eightApart = {6, 7, 8, 9, 10, 19, 20, 21, 22};
    assertThat(closed(eightApart)).isEqualTo(eightApart);
  }

  @Test
  void aGapWiderThanTheRowsAtItsSidesStaysOpen() {
    assertThat(closed(10, 14)).containsExactly(10, 14);
    assertThat(closed(10, 11, 15)).containsExactly(10, 11, 12, 13, 14, 15);
    int[] everyFifth = IntStream.range(0, 1_000).map(rank -> 5 * rank).toArray();
    assertThat(closed(everyFifth)).isEqualTo(everyFifth);
  }

  @Test
  void neighboursThatWereTouchedApartAreNoRow() {
    int[] pages = new int[40];
    Arrays.setAll(pages, rank -> 1_000 + 100 * rank);
    pages[0] = 9; // long before the others of its row
    pages[38] = 10;
    pages[39] = 14;
    assertThat(closed(pages)).isEqualTo(pages);
    pages[37] = 9;
    pages[0] = 500;
    assertThat(closed(pages)).hasSize(40 + 3);
  }

  @Test
  void sidesThatWereNotTouchedTogetherHaveNothingBetweenThem() {
    int[] together = IntStream.range(0, 17).map(rank -> 100 * rank).toArray();
    together[16] = 3;
    assertThat(closed(together)).hasSize(19).startsWith(0, 1, 2, 100);
    int[] apart = IntStream.range(0, 18).map(rank -> 100 * rank).toArray();
    apart[17] = 3;
    assertThat(closed(apart)).isEqualTo(apart);
  }

  @Test
  void aSetThatTellsNoOrderStaysAsItIs() {
    int[] sweep = {10, 12, 14};
    assertThat(GapClosing.close(profile(LongStream.of(7, 7, 7), sweep))).isEqualTo(sweep);
  }

  @Test
  void aSetTouchedAtRandomHardlyGrows() {
    long seed = new Random().nextLong();
    int[] pages = new Random(seed).ints(0, 10_000).distinct().limit(4_000).toArray();
    assertThat(closed(pages).length).as("seed %d", seed).isLessThan(4_400);
  }

  @Test
  void everyPageOfTheSetIsThereOnceInItsOrder() {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    for (int round = 0; round < 50; round++) {
      int[] pages = walk(random, 1 + random.nextInt(300));
      int[] closed = closed(pages);
      assertThat(closed).as("seed %d", seed).doesNotHaveDuplicates();
      boolean[] known = new boolean[Arrays.stream(closed).max().orElse(0) + 1];
      Arrays.stream(pages).forEach(page -> known[page] = true);
      assertThat(Arrays.stream(closed).filter(page -> known[page]).toArray())
          .as("seed %d", seed)
          .isEqualTo(pages);
    }
  }

  /** Pages of a few threads that walk to and fro. */
  private static int[] walk(Random random, int count) {
    int[] at = random.ints(3, 1_000, 50_000).toArray();
    return IntStream.range(0, count)
        .map(_ -> at[random.nextInt(at.length)] += random.nextInt(12) - 4)
        .distinct()
        .toArray();
  }
}
