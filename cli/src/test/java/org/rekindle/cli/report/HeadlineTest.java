package org.rekindle.cli.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.rekindle.lab.RunResult;
import org.rekindle.lab.RunResult.Condition;
import org.rekindle.lab.RunResult.Responsiveness;

class HeadlineTest {
  @Test
  void theWinnerIsNamedWithItsLeadAndHowEachFeels() {
    assertThat(headline(ran("adaptive", 130, 140, 150), ran("eager", 4200, 4300, 4400)))
        .isEqualTo(
            "With adaptive the guest had 90 % of every second from 140 ms on, a wait that feels crisp."
                + " It took 31 times as long with eager (4.3 s, unacceptable).");
  }

  @Test
  void whoseRangesTouchAreLevel() {
    assertThat(headline(ran("adaptive", 900, 1000, 1200), ran("working-set", 1100, 1300, 1400)))
        .isEqualTo(
            "With adaptive the guest had 90 % of every second from 1.0 s on, a wait that feels annoying."
                + " No clear difference to working-set (1.3 s).");
  }

  @Test
  void aSmallLeadIsGivenAsADifference() {
    assertThat(headline(ran("adaptive", 1000), ran("eager", 1050)))
        .contains("It took 50 ms longer with eager (1.1 s, annoying).");
  }

  @Test
  void oneStrategyAloneHasNothingToBeComparedWith() {
    assertThat(headline(ran("lazy", 30_000)))
        .isEqualTo(
            "With lazy the guest had 90 % of every second from 30.0 s on, a wait that feels unusable.");
  }

  @Test
  void whatIsNotKnownIsNotRanked() {
    Contender unknown =
        new Contender("peer", List.of(RunResult.of(new Condition("guest", "peer", "disk", 1))));
    assertThat(headline(unknown)).isEqualTo("No run says when the guest became responsive.");
    assertThat(headline(unknown, ran("lazy", 100))).startsWith("With lazy").doesNotContain("peer");
  }

  private static String headline(Contender... contenders) {
    List<Contender> sorted = new ArrayList<>(List.of(contenders));
    sorted.sort(Contender.FASTEST_FIRST);
    return Headline.of(sorted);
  }

  private static Contender ran(String strategy, double... ttrMs) {
    List<RunResult> runs = new ArrayList<>();
    for (int i = 0; i < ttrMs.length; i++) {
      runs.add(
          RunResult.of(new Condition("guest", strategy, "disk", i + 1))
              .with(new Responsiveness(null, Map.of("1s@0.9", ttrMs[i]), Map.of())));
    }
    return new Contender(strategy, runs);
  }
}
