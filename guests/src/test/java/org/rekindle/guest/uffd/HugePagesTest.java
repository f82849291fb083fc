package org.rekindle.guest.uffd;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.rekindle.guest.uffd.PageRanges.Range;

class HugePagesTest {
  private static final long HUGE = 2 << 20;
  private static final MemorySegment DATA = MemorySegment.ofArray(new byte[512 * 4096]);

  @Test
  void aUnitIsCompleteWhenAllItsPagesHaveComeInAnyOrder() throws IOException {
    Range first = new Range(HUGE, 512, 100, 512);
    Range second = new Range(9 * HUGE, 1024, 700, 512); // no multiple of 512 pages behind the first
    DATA.fill((byte) 5);
    try (HugePages pages = new HugePages(List.of(first, second))) {
      pages.put(1212, 1212, 500, DATA, 0);
      pages.put(700, 1000, 212, null, 0);
      pages.put(700, 700, 300, DATA, 0);
      assertThat(pages.isComplete(700)).isTrue();
      assertThat(pages.isComplete(1212)).isFalse();
      assertThat(pages.isComplete(100)).isFalse();
      MemorySegment unit = pages.memory().asSlice(pages.offsetOf(700), HUGE);
      assertThat(unit.get(JAVA_BYTE, 300 * 4096 - 1)).isEqualTo((byte) 5);
      assertThat(unit.get(JAVA_BYTE, 300 * 4096)).isZero();
      pages.clear(700);
      assertThat(pages.isComplete(700)).isFalse();
      assertThat(unit.get(JAVA_BYTE, 0)).as("given back").isZero();
      assertThat(pages.memory().get(JAVA_BYTE, pages.offsetOf(1212))).isEqualTo((byte) 5);
    }
  }

  @Test
  void whatIsTakenBackIsPutAgain() throws IOException {
    try (HugePages pages = new HugePages(List.of(new Range(HUGE, 512, 0, 512)))) {
      pages.put(0, 0, 512, null, 0);
      pages.takeBack(0, 12);
      assertThat(pages.isComplete(0)).isFalse();
      pages.put(0, 500, 12, null, 0);
      assertThat(pages.isComplete(0)).isTrue();
    }
  }

  @Test
  void hugePagesOfTwoSizesAreRefused() {
    assertThatThrownBy(() ->
            new HugePages(
                List.of(new Range(HUGE, 512, 0, 512), new Range(1L << 30, 262_144, 512, 262_144))))
        .hasMessage("huge pages of more than one size");
  }
}
