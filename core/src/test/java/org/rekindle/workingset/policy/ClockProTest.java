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
import org.rekindle.workingset.policy.ClockPro.Face;

class ClockProTest {
  /**
   * From the list head to HAND_hot: H hot, C cold, n given up, t in test, ' a set bit; then m_c.
   */
  private static String state(Face face) {
    return Arrays.stream(face.clock.pages(0))
            .mapToObj(page ->
                Touches.letters(page)
                    + "-HCn".charAt(face.kinds[page])
                    + (face.inTest[page] && face.kinds[page] == Face.COLD ? "t" : "")
                    + (face.bits[page] ? "'" : ""))
            .collect(Collectors.joining(" "))
        + " | "
        + face.coldTarget();
  }

  // Section 4 of the paper, with m = 3 and room for at least one cold page, from an empty memory:
  //
  //   touch  clock, head first    m_c  why
  //   A      AH                    1   room for hot pages
  //   B      BH AH                 1
  //   C      CCt BH AH             1   none left: cold, in its test period
  //   A      CCt BH AH'            1
  //   D      DCt Cn BH AH'         1   HAND_cold gives up C, which is still in its test
  //   C      BC AH CH              1   HAND_cold gives up D. C is touched in its test: hot, m_c 2.
  // Hot
  //                                    pages are now 3, of 1: HAND_hot spares A (bit), makes B cold
  // and
  //                                    passes D: its test ends, it leaves, m_c 1. So 2 hot may stay
  //   B      BC' AH CH             1
  //   D      DCt Bn AH CH          1   HAND_cold: B's bit is set, but it is not in test: to the
  // head, in
  //                                    test. It comes to B again, clear now: given up
  //   D      DCt' Bn AH CH         1
  //   E      ECt AC DH             1   HAND_cold: D was touched in its test: hot, m_c 2. HAND_hot
  // makes C
  //                                    and A cold, passes B: its test ends, m_c 1. HAND_cold is at
  // C,
  //                                    which is cold now, and gives it up; not in test, so it
  // leaves
  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = ';',
      value = {
        "A;                   AH | 1",
        "A B;                 BH AH | 1",
        "A B C;               CCt BH AH | 1",
        "A B C A;             CCt BH AH' | 1",
        "A B C A D;           DCt Cn BH AH' | 1",
        "A B C A D C;         BC AH CH | 1",
        "A B C A D C B;       BC' AH CH | 1",
        "A B C A D C B D;     DCt Bn AH CH | 1",
        "A B C A D C B D D;   DCt' Bn AH CH | 1",
        "A B C A D C B D D E; ECt AC DH | 1",
      },
      quoteCharacter = '"')
  void threeHandsByHand(String touches, String expected) {
    Face face = new Face(Touches.LETTERS, 3);
    IntStream.of(Touches.pages(touches)).forEach(face::touch);
    assertThat(state(face)).isEqualTo(expected);
  }

  // m = 2, so one hot page, A. Each new page drives out the one before it, which stays in its test:
  // after E, three are remembered, one more than fit in memory. HAND_test ends the test of the
  // oldest,
  // B. Then:
  //  B  is a new page; E goes, and now C is forgotten
  //  C  the same: E goes first, so C is forgotten just before it is looked for
  //  D  E goes, C is forgotten. D is in its test: hot, and m_c stays below m. HAND_hot makes A cold
  // and
  //     passes E, whose test ends
  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "A B C D,     DCt Cn Bn AH | 1",
    "A B C D E,   ECt Dn Cn AH | 1",
    "A B C D E B, BCt En Dn AH | 1",
    "A B C D E C, CCt En Dn AH | 1",
    "A B C D E D, AC DH | 1",
  })
  void noMoreAreRememberedThanFitInMemory(String touches, String expected) {
    Face face = new Face(Touches.LETTERS, 2);
    IntStream.of(Touches.pages(touches)).forEach(face::touch);
    assertThat(state(face)).isEqualTo(expected);
  }

  @Test
  void hotPagesComeFirst() {
    Ranking ranking = new ClockPro(3).rank(Touches.of("A B C A D C B D D E"));
    assertThat(Touches.letters(ranking)).isEqualTo("D E A B C"); // B and C by recency
    assertThat(ranking.setSize()).isEqualTo(3);
  }

  // DCt' Bn AH CH': C is hot with its bit set, A hot, D would be hot soon, B is given up.
  @Test
  void bitsAndTestPeriodsDecideAmongTheRest() {
    Ranking ranking = new ClockPro(3).rank(Touches.of("A B C A D C B D D C"));
    assertThat(Touches.letters(ranking)).isEqualTo("C A D B");
  }

  @Test
  void theClockKeepsItsShape() {
    for (int run = 0; run < 400; run++) {
      int seed = 2_700 + run;
      Random random = new Random(seed);
      AccessTrace trace = Touches.random(random);
      int m = 2 + random.nextInt(15);
      Face face = new Face(trace.memoryPages(), m);
      Set<Integer> seen = new HashSet<>();
      for (int touch = 0; touch < trace.size(); touch++) {
        face.touch(trace.page(touch));
        seen.add(trace.page(touch));
        String at = "seed " + seed + ", touch " + touch;
        int[] pages = face.clock.pages(0);
        int[] gone = Arrays.stream(pages).filter(page -> face.kinds[page] == Face.GONE).toArray();
        long hot = Arrays.stream(pages).filter(page -> face.kinds[page] == Face.HOT).count();
        assertThat(face.resident()).as(at).isEqualTo(Math.min(m, seen.size()));
        assertThat(pages).as(at).hasSize(face.resident() + gone.length);
        assertThat(face.hot()).as(at).isEqualTo((int) hot).isBetween(1, m - 1);
        assertThat(face.gone()).as(at).isEqualTo(gone.length).isLessThanOrEqualTo(m);
        assertThat(face.coldTarget()).as(at).isBetween(1, m - 1);
        assertThat(face.kinds[pages[pages.length - 1]])
            .as("HAND_hot is at a hot page, %s", at)
            .isEqualTo(Face.HOT);
        assertThat(Arrays.stream(gone).allMatch(page -> face.inTest[page] && !face.bits[page]))
            .as("what is remembered is in its test period, %s", at)
            .isTrue();
      }
    }
  }

  @Test
  void theCutOpenListIsTheRingOfThePaper() {
    for (int run = 0; run < 300; run++) {
      int seed = 3_300 + run;
      Random random = new Random(seed);
      AccessTrace trace = Touches.random(random);
      int m = 2 + random.nextInt(15);
      Face face = new Face(trace.memoryPages(), m);
      ClockProRing ring = new ClockProRing(m);
      for (int touch = 0; touch < trace.size(); touch++) {
        face.touch(trace.page(touch));
        ring.touch(trace.page(touch));
        String at = "seed " + seed + ", touch " + touch;
        assertThat(face.clock.pages(0))
            .as(at)
            .isEqualTo(ring.fromHead().stream().mapToInt(Integer::intValue).toArray());
        for (int page : face.clock.pages(0)) {
          assertThat(face.kinds[page] == Face.HOT)
              .as(at)
              .isEqualTo(ring.kinds.get(page) == ClockProRing.Kind.HOT);
          assertThat(face.kinds[page] == Face.GONE)
              .as(at)
              .isEqualTo(ring.kinds.get(page) == ClockProRing.Kind.GONE);
          assertThat(face.bits[page]).as(at).isEqualTo(ring.bits.contains(page));
          assertThat(face.inTest[page]).as(at).isEqualTo(ring.inTest.contains(page));
        }
        assertThat(face.coldTarget()).as(at).isEqualTo(ring.coldTarget);
      }
    }
  }
}
