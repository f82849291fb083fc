package org.rekindle.guest.uffd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.rekindle.guest.uffd.PageRanges.Range;

class PageRangesTest {
  private static final int PAGE = 4096;

  private final PageRanges ranges = new PageRanges();

  private void add(long startPage, int pages, int firstPage) {
    ranges.add(new Range(startPage * PAGE, pages, firstPage, 1));
  }

  @Test
  void addressesAndPagesFindTheirRange() {
    add(100, 10, 50);
    add(200, 20, 0);
    assertThat(ranges.at(99 * PAGE)).isNull();
    Range low = Objects.requireNonNull(ranges.at(105 * PAGE + 7));
    assertThat(low.pageAt(105 * PAGE + 7)).isEqualTo(55);
    assertThat(ranges.at(110 * PAGE)).isNull();
    assertThat(ranges.from(0)).isEqualTo(new Range(200 * PAGE, 20, 0, 1));
    assertThat(ranges.from(19)).isEqualTo(new Range(200 * PAGE, 20, 0, 1));
    assertThat(ranges.from(20)).as("the next one").isEqualTo(low);
    assertThat(ranges.from(60)).isNull();
    assertThat(low.addressOf(59)).isEqualTo(109 * PAGE);
  }

  @Test
  void whatOverlapsIsRefused() {
    add(100, 10, 50);
    assertThatThrownBy(() -> add(109, 1, 0)).hasMessage("0x6d000-0x6e000 overlaps 0x64000-0x6e000");
    assertThatThrownBy(() -> add(300, 10, 59))
        .hasMessage("pages 59-68 at 0x12c000 are those at 0x64000 too");
    assertThatThrownBy(() -> new Range(5, 1, 0, 1)).hasMessageContaining("units of 4096 bytes");
    assertThatThrownBy(() -> new Range(PAGE, 512, 0, 512)).hasMessageContaining("2097152");
    assertThatThrownBy(() -> new Range(0, 0, 0, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Range(0, 5, Integer.MAX_VALUE - 4, 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Range(Long.MAX_VALUE - 4095, 1, 0, 1))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aPartHasWholeUnitsOnly() {
    Range huge = new Range(4L << 21, 1024, 0, 512);
    assertThat(huge.part((4L << 21) + PAGE, Long.MAX_VALUE))
        .isEqualTo(new Range(5L << 21, 512, 512, 512));
    assertThat(huge.part((4L << 21) + PAGE, (6L << 21) - 1)).isNull();
    assertThat(huge.part(0, Long.MAX_VALUE)).isEqualTo(huge);
  }

  @Test
  void aCopyLeadsALifeOfItsOwn() {
    add(100, 10, 0);
    PageRanges copy = ranges.copy();
    ranges.remove(100 * PAGE, 105 * PAGE);
    copy.move(100 * PAGE, 500 * PAGE, 10 * PAGE);
    assertThat(ranges.all()).containsExactly(new Range(105 * PAGE, 5, 5, 1));
    assertThat(copy.all()).containsExactly(new Range(500 * PAGE, 10, 0, 1));
  }

  /** Against a plain map from address to page. */
  @Test
  void anySequenceOfChangesLeavesWhatAMapWouldHave() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    Map<Long, Integer> model = new HashMap<>();
    for (int i = 0; i < 8; i++) {
      add(i * 40L, 30, i * 30);
      for (int k = 0; k < 30; k++) {
        model.put(i * 40L + k, i * 30 + k);
      }
    }
    for (int step = 0; step < 200; step++) {
      long from = random.nextInt(330);
      int pages = 1 + random.nextInt(12);
      if (random.nextBoolean()) {
        ranges.remove(from * PAGE, (from + pages) * PAGE);
        for (long at = from; at < from + pages; at++) {
          model.remove(at);
        }
      } else {
        long to = from + pages + random.nextInt(200); // the kernel refuses to move onto itself
        ranges.move(from * PAGE, to * PAGE, (long) pages * PAGE);
        for (int k = 0; k < pages; k++) {
          model.remove(to + k);
          Integer page = model.remove(from + k);
          if (page != null) {
            model.put(to + k, page);
          }
        }
      }
      for (long at = 0; at < 600; at++) {
        Range range = ranges.at(at * PAGE);
        Integer page = range == null ? null : (Integer) range.pageAt(at * PAGE);
        assertThat(page)
            .as("seed %d, step %d, address %d", seed, step, at)
            .isEqualTo(model.get(at));
        if (page != null) {
          assertThat(ranges.from(page)).isEqualTo(range);
        }
      }
    }
  }
}
