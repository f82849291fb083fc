package org.rekindle.workingset.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.BitSet;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Ranking;
import org.rekindle.workingset.Sweeps;

class AgeingTest {
  private static Sweeps sweeps(String... found) {
    Sweeps.Builder sweeps = Sweeps.of(Touches.LETTERS);
    for (int i = 0; i < found.length; i++) {
      BitSet pages = new BitSet();
      IntStream.of(Touches.pages(found[i])).forEach(pages::set);
      sweeps.sweep(i, pages);
    }
    return sweeps.build();
  }

  private static final Sweeps FOUR = sweeps("A B", "B C", "A", "C D");

  // h <- a << (k - 1) | h >> 1 with k = 3, by hand:
  //
  //   sweep   found   A    B    C    D
  //     0     A B    100  100  000  000
  //     1     B C    010  110  100  000
  //     2     A      101  011  010  000
  //     3     C D    010  001  101  100      order C (5), D (4), A (2), B (1)
  @Test
  void registersShiftAtEachSweep() {
    Ranking ranking = new Ageing(3, 1).rank(FOUR);
    assertThat(Touches.letters(ranking)).isEqualTo("C D A B");
    assertThat(ranking.setSize()).isEqualTo(4);
  }

  // Two bits have forgotten B, and cannot tell C (10) from D (10).
  @Test
  void shortRegistersForget() {
    Ranking ranking = new Ageing(2, 1).rank(FOUR);
    assertThat(Touches.letters(ranking)).isEqualTo("C D A B");
    assertThat(ranking.setSize()).isEqualTo(3);
  }

  // VEE'11, section 4.1.1: "any page whose access-bit has been set during the scan loop".
  @Test
  void oneBitIsTheEstimatorOfThePaper() {
    Ranking ranking = Ageing.oneBit(1).rank(FOUR);
    assertThat(Touches.letters(ranking)).isEqualTo("C D A B");
    assertThat(ranking.setSize()).isEqualTo(2);
  }

  // Sweeps each 3 ns, the last at the save: (0, 2], (2, 5], (5, 8].
  @Test
  void aTraceIsReadThroughSweeps() {
    Ranking ranking = Ageing.oneBit(3).rank(Touches.of("A B C A B D E D"));
    assertThat(Touches.letters(ranking)).isEqualTo("D E A B C");
    assertThat(ranking.setSize()).isEqualTo(2);
  }

  @Test
  void registersEqualTheirDefinition() {
    for (int run = 0; run < 200; run++) {
      int seed = 300 + run;
      Random random = new Random(seed);
      AccessTrace trace = Touches.random(random);
      Sweeps sweeps = trace.sweeps(1 + random.nextInt(30));
      int bits = 1 + random.nextInt(63);
      long[] registers = new long[trace.memoryPages()];
      for (int sweep = 0; sweep < sweeps.size(); sweep++) {
        for (int page = 0; page < registers.length; page++) {
          registers[page] >>>= 1;
        }
        for (int page : sweeps.pages(sweep)) {
          registers[page] |= 1L << (bits - 1);
        }
      }
      Ranking ranking = new Ageing(bits, 1).rank(sweeps);
      for (int rank = 0; rank < ranking.size(); rank++) {
        assertThat(registers[ranking.page(rank)] != 0)
            .as("seed %d, rank %d", seed, rank)
            .isEqualTo(rank < ranking.setSize());
        if (rank > 0) {
          assertThat(registers[ranking.page(rank)])
              .as("seed %d, rank %d", seed, rank)
              .isLessThanOrEqualTo(registers[ranking.page(rank - 1)]);
        }
      }
    }
  }

  @Test
  void aRegisterWithoutBitsIsRefused() {
    assertThatThrownBy(() -> new Ageing(0, 1)).hasMessageContaining("1 to 63");
    assertThatThrownBy(() -> new Ageing(64, 1)).hasMessageContaining("1 to 63");
  }
}
