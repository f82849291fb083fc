package org.rekindle.lab.estimators;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.json.Json;
import org.rekindle.workingset.Score;

/** The report says what the figures say, whichever way they go. */
class EstimatorReportTest {
  @TempDir Path folder;

  private static Estimate estimate(int round, String estimator, Score score) {
    return new Estimate("a guest", round, "it goes on", estimator, score);
  }

  private static Overhead overhead(int round, double beatsWith, double cpuWith) {
    return new Overhead(
        "a guest",
        round,
        "access bits, exact",
        new Stretch.Rate(60, 0.001),
        new Stretch.Rate(beatsWith, cpuWith),
        null);
  }

  private String written(EstimatorReport report) throws IOException {
    report.write(folder);
    return Files.readString(folder.resolve("estimators.md"));
  }

  @Test
  void mediansStandBesideThePapers() throws IOException {
    EstimatorReport report = new EstimatorReport(3, 256, folder);
    for (int round = 1; round <= 3; round++) {
      report.add(estimate(round, "precise", new Score(100, 97 + round - 2, 100)));
      report.add(estimate(round, "generous", new Score(200, 99, 100)));
      report.add(estimate(round, "modest", new Score(10, 10, 100)));
    }
    String text = written(report);
    assertThat(text)
        .contains("| precise | 100 | 97.0 % (96.0–98.0) | 97.0 % (96.0–98.0) | above |")
        .contains("| generous | 200 | 99.0 % (99.0–99.0) | 49.5 % (49.5–49.5) | within |")
        .contains("| modest | 10 | 10.0 % (10.0–10.0) | 100.0 % (100.0–100.0) | above |")
        .contains(
            "85 %: precise. As much coverage, but no more precision: generous. Less coverage:"
                + " modest.");
  }

  @Test
  void whatDoesNotHoldIsSaid() throws IOException {
    EstimatorReport cheap = new EstimatorReport(2, 256, folder);
    cheap.add(overhead(1, 60, 0.002));
    cheap.add(overhead(2, 50, 0.002));
    assertThat(written(cheap))
        .contains("takes 0.10 % of a processor")
        .contains("so it is here")
        .contains("slows the guest by no more than the rounds differ (0.0 to 20.0 %)");
    EstimatorReport dear = new EstimatorReport(1, 256, folder);
    dear.add(overhead(1, 50, 0.031));
    assertThat(written(dear))
        .contains("takes 3.00 % of a processor")
        .contains("**not so** here")
        .contains("take 20.0 % longer")
        .contains("| 60.0 | 50.0 | 20.0 % (20.0–20.0) | 3.0 % (3.0–3.0) |");
  }

  @Test
  void everyRoundIsKept() throws IOException {
    EstimatorReport report = new EstimatorReport(2, 256, folder);
    report.add(estimate(1, "precise", new Score(4, 3, 5)));
    report.add(overhead(1, 50, 0.03));
    report.add(overhead(2, 55, 0.03));
    report.write(folder);
    Map<String, @Nullable Object> raw =
        Json.parseObject(Files.readString(folder.resolve("estimators.json")));
    assertThat((List<?>) raw.get("estimates")).hasSize(1);
    assertThat((List<?>) raw.get("overheads")).hasSize(2);
    assertThat(raw.toString()).contains("usedPages=3", "touchedPages=5", "beatsPerSecondWith=55");
  }
}
