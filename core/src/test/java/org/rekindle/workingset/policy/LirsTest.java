package org.rekindle.workingset.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Ranking;

class LirsTest {
  /** S, most recent first, then Q, next victim first; L is LIR, h resident HIR, n given up. */
  private static String state(Lirs.Stacks stacks) {
    String recent =
        Arrays.stream(stacks.recent.pages(0))
            .mapToObj(page ->
                Touches.letters(page)
                    + (stacks.isLir(page) ? "L" : stacks.queue.listOf(page) == 0 ? "h" : "n"))
            .collect(Collectors.joining(" "));
    return recent + " | " + Touches.letters(stacks.queue.pages(0));
  }

  private static Lirs.Stacks after(String touches) {
    Lirs.Stacks stacks = new Lirs.Stacks(Touches.LETTERS, 2, 1);
    IntStream.of(Touches.pages(touches)).forEach(stacks::touch);
    return stacks;
  }

  // Table 1 of the paper, at virtual time 10, with room for 2 LIR and 1 HIR pages: LIR {A, B}, HIR
  // {C, D, E}, of which E is resident; recencies E 0, A 1, D 2, B 3, C 4. "A B D A E" from an empty
  // memory leaves that state (C older than S): A and B are LIR while there is room, D comes in as
  // HIR,
  // A goes to the top, E drives D out.
  //
  // Then one touch (the cases of section 3.3):
  //  A  a LIR page that is not the last: it goes to the top
  //  B  the last LIR page: to the top; D leaves S, as S must end in a LIR page
  //  E  resident HIR in S: its IRR (0) is below B's recency; LIR; B is HIR, in Q; D leaves S
  //  D  given up, but in S: its new IRR is 2, below B's recency 3. E goes, D is LIR, B HIR
  //  C  given up, not in S: its new IRR is 4, above 3. E goes, nobody changes places
  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "'',  Eh AL Dn BL | E",
    "A,   AL Eh Dn BL | E",
    "B,   BL Eh AL | E",
    "E,   EL AL | B",
    "D,   DL En AL | B",
    "C,   Ch En AL Dn BL | C",
  })
  void tableOneOfThePaper(String touch, String expected) {
    assertThat(state(after(("A B D A E " + touch).trim()))).isEqualTo(expected);
  }

  // The touches of table 1 themselves, A D B C B A D A E, from an empty memory:
  //
  //   touch   S                | Q    why
  //   A       AL               |      room for LIR pages
  //   D       DL AL            |
  //   B       Bh DL AL         | B    none left
  //   C       Ch Bn DL AL      | C    B is given up
  //   B       BL Cn DL         | A    in S: LIR; C is given up; A was the last LIR page
  //   A       Ah BL Cn DL      | A    resident, but no longer in S: stays HIR
  //   D       DL Ah BL         | A    was the last; C leaves S
  //   A       AL DL            | B    resident and in S: LIR; B was the last LIR page
  //   E       Eh AL DL         | E    B is given up
  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "A,                 AL | ''",
    "A D,               DL AL | ''",
    "A D B,             Bh DL AL | B",
    "A D B C,           Ch Bn DL AL | C",
    "A D B C B,         BL Cn DL | A",
    "A D B C B A,       Ah BL Cn DL | A",
    "A D B C B A D,     DL Ah BL | A",
    "A D B C B A D A,   AL DL | B",
    "A D B C B A D A E, Eh AL DL | E",
  })
  void theTouchesOfTableOneFromAnEmptyMemory(String touches, String expected) {
    assertThat(state(after(touches)).trim()).isEqualTo(expected.replace("''", "").trim());
  }

  @Test
  void lirPagesComeFirstThenTheQueueThenRecency() {
    Ranking ranking = new Lirs(3, 0.34).rank(Touches.of("A D B C B A D A E"));
    assertThat(Touches.letters(ranking)).isEqualTo("A D E B C");
    assertThat(ranking.setSize()).isEqualTo(3);
  }

  // A loop over four pages and room for three: recency never has the page that comes next, LIRS
  // always has two of the four.
  @Test
  void aLoopLongerThanTheMemoryKeepsItsLirPages() {
    Ranking ranking = new Lirs(3, 0.34).rank(Touches.of("A B C D A B C D A B C D"));
    assertThat(Touches.letters(ranking)).startsWith("B A");
  }

  @Test
  void theStacksKeepTheirShape() {
    for (int run = 0; run < 300; run++) {
      int seed = 1_500 + run;
      Random random = new Random(seed);
      AccessTrace trace = Touches.random(random);
      int lirPages = 1 + random.nextInt(20);
      int hirPages = 1 + random.nextInt(4);
      Lirs.Stacks stacks = new Lirs.Stacks(trace.memoryPages(), lirPages, hirPages);
      int[] lastTouch = new int[trace.memoryPages()];
      Arrays.fill(lastTouch, -1);
      int distinct = 0;
      for (int touch = 0; touch < trace.size(); touch++) {
        int page = trace.page(touch);
        distinct += lastTouch[page] < 0 ? 1 : 0;
        lastTouch[page] = touch;
        stacks.touch(page);

        String at = "seed " + seed + ", touch " + touch;
        int[] lir = IntStream.range(0, lastTouch.length).filter(stacks::isLir).toArray();
        assertThat(lir).as(at).hasSize(Math.min(lirPages, distinct));
        assertThat(stacks.queue.size(0))
            .as(at)
            .isEqualTo(Math.clamp(distinct - lirPages, 0, hirPages));
        assertThat(stacks.queue.pages(0)).as(at).doesNotContain(lir);
        // S: exactly the pages touched since its last one was, which is LIR, by recency.
        int bottom = Arrays.stream(lir).map(each -> lastTouch[each]).min().orElseThrow();
        int[] recent =
            IntStream.iterate(touch, i -> i >= bottom, i -> i - 1)
                .map(trace::page)
                .distinct()
                .toArray();
        assertThat(stacks.recent.pages(0)).as(at).isEqualTo(recent);
      }
    }
  }

  @Test
  void aShareThatIsNoneIsRefused() {
    assertThatThrownBy(() -> new Lirs(10, 1)).hasMessageContaining("share");
    assertThatThrownBy(() -> new Lirs(10, Double.NaN)).hasMessageContaining("share");
  }
}
