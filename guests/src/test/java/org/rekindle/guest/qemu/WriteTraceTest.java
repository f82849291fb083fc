package org.rekindle.guest.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.AccessTrace;

class WriteTraceTest {
  private static List<Integer> writes(int memoryPages, int... order) {
    WriteTrace trace = new WriteTrace();
    for (int i = 0; i < order.length; i++) {
      trace.came(order[i], 100 + i);
    }
    AccessTrace writes = trace.writes(memoryPages, 90, 1000);
    for (int touch = 0; touch < writes.size(); touch++) {
      assertThat(order[(int) writes.atNs(touch) - 10]).isEqualTo(writes.page(touch));
      assertThat(writes.access(touch)).isEqualTo(Access.WRITE);
    }
    return IntStream.range(0, writes.size()).mapToObj(writes::page).toList();
  }

  @Test
  void walkFromTheFirstPageToTheLastHasNoWrites() {
    assertThat(writes(6, 0, 1, 2, 3, 4, 5)).isEmpty();
  }

  @Test
  void pageOutOfTheWalkWasToBeWrittenAndTheWalkGoesOnBehindIt() {
    assertThat(writes(8, 0, 1, 5, 6, 7, 2, 3, 4)).containsExactly(5);
    assertThat(writes(8, 0, 3, 1, 2, 4, 5, 6, 7)).containsExactly(3, 1);
    // Page 4 is the next unsent one behind page 2, though page 3 lies between.
    assertThat(writes(8, 0, 3, 2, 4, 5, 6, 7, 1)).containsExactly(3, 2);
  }

  @Test
  void firstPageCanBeOne() {
    assertThat(writes(4, 2, 3, 0, 1)).containsExactly(2);
  }

  @Test
  void pagesThatNeverComeAreNoPartOfTheWalk() {
    assertThat(writes(9, 1, 2, 5, 6, 8)).isEmpty();
    assertThat(writes(9, 1, 6, 8, 2, 5)).containsExactly(6);
  }

  @Test
  void timesBeforeTheGuestRanAgainCountAsItsFirstMoment() {
    WriteTrace trace = new WriteTrace();
    trace.came(3, 100);
    trace.came(0, 300);
    AccessTrace writes = trace.writes(4, 200, 500);
    assertThat(writes.atNs(0)).isZero();
    assertThat(writes.endNs()).isEqualTo(300);
  }

  /** Against QEMU's rule itself: what waits goes first, then the next unsent page. */
  @Test
  void everyWriteIsFoundButOneOfTheNextPage() {
    long seed = System.nanoTime();
    SplittableRandom random = new SplittableRandom(seed);
    for (int round = 0; round < 200; round++) {
      int pages = random.nextInt(1, 3000);
      BitSet unsent = new BitSet();
      unsent.set(0, pages);
      WriteTrace trace = new WriteTrace();
      List<Integer> expected = new ArrayList<>();
      int behind = 0;
      while (!unsent.isEmpty()) {
        int next = unsent.nextSetBit(behind);
        next = next < 0 ? unsent.nextSetBit(0) : next;
        int written = random.nextInt(8 * pages);
        boolean waits = written < pages && unsent.get(written);
        int page = waits ? written : next;
        if (page != next) {
          expected.add(page);
        }
        unsent.clear(page);
        trace.came(page, 0);
        behind = page + 1;
      }
      assertThat(trace.writes(pages, 0, 0).firstTouches("test").pages())
          .as("seed %d, round %d", seed, round)
          .containsExactly(expected.stream().mapToInt(Integer::intValue).toArray());
    }
  }
}
