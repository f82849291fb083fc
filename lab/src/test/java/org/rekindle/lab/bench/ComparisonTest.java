package org.rekindle.lab.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.rekindle.lab.RunResult;
import org.rekindle.responsiveness.StallTimeline;

class ComparisonTest {
  private final List<RunResult> runs = new ArrayList<>();

  /** Runs of a guest that never waits once it runs: its TTR is its first instruction. */
  private void measured(String strategy, long... firstMs) {
    for (int i = 0; i < firstMs.length; i++) {
      runs.add(
          RunResult.of(new RunResult.Condition("guest", strategy, "disk", i + 1))
              .with(
                  RunResult.Responsiveness.of(
                      StallTimeline.perGuest(firstMs[i] * 1_000_000, List.of()))));
    }
  }

  private Comparison comparison() {
    return new Comparison("guest", "disk", runs, DeviceCurve.UNKNOWN, Path.of("results.json"));
  }

  @Test
  void factorsAreOfMedians() {
    measured("adaptive", 100, 300, 200);
    measured("eager", 1000, 900, 2000);
    assertThat(comparison().factor("eager", "1s@0.9")).hasValue(5);
    assertThat(comparison().factor("nobody", "1s@0.9")).isEmpty();
  }

  @Test
  void aRivalThatIsEarlierIsAnExceptionAtEveryPoint() {
    measured("adaptive", 200, 210, 220);
    measured("lazy", 100, 110, 120);
    measured("eager", 900, 900, 900);
    assertThat(comparison().exceptions())
        .hasSize(Comparison.keys().size())
        .allMatch(later -> later.rival().equals("lazy") && !later.isWithinNoise());
  }

  @Test
  void whatOverlapsIsWithinNoise() {
    measured("adaptive", 100, 120, 140);
    measured("lazy", 90, 110, 130);
    assertThat(comparison().exceptions()).isNotEmpty().allMatch(Comparison.Later::isWithinNoise);
  }

  @Test
  void theOracleAndWrongProfilesAreNoRivals() {
    measured("adaptive", 100);
    measured("oracle", 10);
    measured("adaptive, no profile", 20);
    measured("eager", 300);
    assertThat(comparison().exceptions()).isEmpty();
    assertThat(comparison().rivals()).containsExactly("eager");
    assertThat(comparison().robustness()).containsExactly("adaptive, no profile");
    assertThat(comparison().strategies()).first().isEqualTo("oracle");
  }
}
