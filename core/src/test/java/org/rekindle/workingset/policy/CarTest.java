package org.rekindle.workingset.policy;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Ranking;
import org.rekindle.workingset.policy.Car.Clocks;

class CarTest {
  /** T1 and T2 from the hand on, ' a set bit; B1 and B2 from the least recent; p. */
  private static String state(Clocks clocks) {
    return IntStream.of(Clocks.T1, Clocks.T2, Clocks.B1, Clocks.B2)
            .mapToObj(list -> Arrays.stream(clocks.lists.pages(list)))
            .map(pages ->
                pages
                    .mapToObj(page -> Touches.letters(page) + (clocks.bits[page] ? "'" : ""))
                    .collect(Collectors.joining(" ")))
            .map(pages -> pages.isEmpty() ? "-" : pages)
            .collect(Collectors.joining(" | "))
        + " | "
        + clocks.target();
  }

  // Figure 2 of the paper with c = 2; its line numbers do the work:
  //
  //   touch  T1   T2   B1   B2  p   why
  //   A      A    -    -    -   0
  //   B      A B  -    -    -   0
  //   A      A'B  -    -    -   0   a hit sets the bit
  //   C      C    A    B    -   0   replace: A's bit sends it to T2, B goes to B1
  //   B      -    A B  C    -   1   replace: C goes. B was in B1: p = 0 + max(1, 0/2)
  //   D      D    B    C    A   1   replace: |T1| = 0 < max(1, 1), so A goes from T2
  //   A      -    B A  C D  -   0   replace: D goes. A was in B2: p = max(1 - max(1, 2/1), 0)
  //   E      E    A    D    B   0   replace: B goes. New, and |T1| + |B1| = 2: C is forgotten
  //   E      E'   A    D    B   0
  //   F      F    E    D    A   0   replace: E to T2, A goes. New, all four are 4: B is forgotten
  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = ';',
      value = {
        "A;                   A | - | - | - | 0.0",
        "A B;                 A B | - | - | - | 0.0",
        "A B A;               A' B | - | - | - | 0.0",
        "A B A C;             C | A | B | - | 0.0",
        "A B A C B;           - | A B | C | - | 1.0",
        "A B A C B D;         D | B | C | A | 1.0",
        "A B A C B D A;       - | B A | C D | - | 0.0",
        "A B A C B D A E;     E | A | D | B | 0.0",
        "A B A C B D A E E;   E' | A | D | B | 0.0",
        "A B A C B D A E E F; F | E | D | A | 0.0",
      },
      quoteCharacter = '"')
  void figureTwoOfThePaper(String touches, String expected) {
    Clocks clocks = new Clocks(Touches.LETTERS, 2);
    IntStream.of(Touches.pages(touches)).forEach(clocks::touch);
    assertThat(state(clocks)).isEqualTo(expected);
  }

  // F would go before E (T1 is above its target 0). Then A of B2, D of B1, and the forgotten B and
  // C
  // by recency.
  @Test
  void whatWouldBeGivenUpLastComesFirst() {
    Ranking ranking = new Car(2).rank(Touches.of("A B A C B D A E E F"));
    assertThat(Touches.letters(ranking)).isEqualTo("E F A D B C");
    assertThat(ranking.setSize()).isEqualTo(2);
  }

  // c = 4. These touches leave T1: G H, T2: C D, B1: E F, B2: A B, p = 2, no bits. Given up:
  //
  //   left   p scaled   |T1|
  //    4      2          2    G
  //    3      1.5        1    C
  //    2      1          1    H
  //    1      0.5        0    D
  @Test
  void theTargetIsAShareOfEveryBudget() {
    AccessTrace trace = Touches.of("A B C D A B E F C D G H");
    Clocks clocks = new Clocks(Touches.LETTERS, 4);
    IntStream.range(0, trace.size()).forEach(touch -> clocks.touch(trace.page(touch)));
    assertThat(state(clocks)).isEqualTo("G H | C D | E F | A B | 2.0");
    assertThat(Touches.letters(new Car(4).rank(trace))).isEqualTo("D H C G B A F E");
  }

  // The paper's I1 to I6, which hold after every touch.
  @Test
  void theInvariantsOfThePaperHold() {
    for (int run = 0; run < 400; run++) {
      int seed = 2_100 + run;
      Random random = new Random(seed);
      AccessTrace trace = Touches.random(random);
      int c = 1 + random.nextInt(15);
      Clocks clocks = new Clocks(trace.memoryPages(), c);
      Set<Integer> seen = new HashSet<>();
      for (int touch = 0; touch < trace.size(); touch++) {
        clocks.touch(trace.page(touch));
        seen.add(trace.page(touch));
        String at = "seed " + seed + ", touch " + touch;
        int t1 = clocks.lists.size(Clocks.T1);
        int t2 = clocks.lists.size(Clocks.T2);
        int b1 = clocks.lists.size(Clocks.B1);
        int b2 = clocks.lists.size(Clocks.B2);
        assertThat(t1 + t2).as("I1, %s", at).isEqualTo(Math.min(c, seen.size()));
        assertThat(t1 + b1).as("I2, %s", at).isLessThanOrEqualTo(c);
        assertThat(t2 + b2).as("I3, %s", at).isLessThanOrEqualTo(2 * c);
        assertThat(t1 + t2 + b1 + b2).as("I4, %s", at).isLessThanOrEqualTo(2 * c);
        assertThat(t1 + t2 == c || b1 + b2 == 0).as("I5, %s", at).isTrue();
        assertThat(clocks.target()).as("p, %s", at).isBetween(0.0, (double) c);
        assertThat(seen.size() <= c || t1 + t2 == c).as("I6, %s", at).isTrue();
      }
    }
  }
}
