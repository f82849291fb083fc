package org.rekindle.lab.estimators;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.lab.DemoProcess;
import org.rekindle.workingset.Score;

/** A round of the benchmark of estimators, on a guest of 32 MiB. */
@Tag("slow")
@Timeout(180)
class EstimatorStudySlowTest {
  private static final EstimatedGuest GUEST = new EstimatedProcess(DemoProcess.ofSize(32));

  @TempDir Path folder;

  @BeforeEach
  void requireWhatAScanNeeds() throws IOException {
    assumeTrue("root".equals(System.getProperty("user.name")), "only root may scan");
    assumeTrue(Files.readAllLines(Path.of("/proc/swaps")).size() == 1, "this machine has swap");
    assumeTrue(
        Arrays.compare(
                Arrays.stream(System.getProperty("os.version").split("\\D+", 3))
                    .limit(2)
                    .mapToInt(Integer::parseInt)
                    .toArray(),
                new int[] {6, 7})
            >= 0,
        "this kernel notes no writes (Linux 6.7 does)");
  }

  @Test
  void eachEstimatorIsJudgedByTheSameTruth() throws Exception {
    Path image = folder.resolve("image");
    List<Estimate> estimates = new EstimatorStudy(GUEST, image).round(1);
    assertThat(image).doesNotExist();
    for (EstimatedGuest.Clone truth : GUEST.truths()) {
      Map<String, Score> scores =
          estimates.stream()
              .filter(estimate -> estimate.does().equals(truth.does()))
              .collect(Collectors.toMap(Estimate::estimator, Estimate::score));
      assertThat(scores).hasSize(14);
      assertThat(scores.values().stream().map(Score::touched).distinct()).hasSize(1);
      Score exact = score(scores, "access bits, exact: access-bit");
      Score around = score(scores, "access bits, unmap and observe: access-bit");
      assertThat(exact.coverage()).isGreaterThan(0.85);
      assertThat(exact.precision()).isGreaterThan(0.85);
      Score writes = score(scores, "writes, noted by the kernel: access-bit");
      assertThat(writes.coverage()).as("reads are not seen").isBetween(0.01, exact.coverage());
      assertThat(writes.precision()).isGreaterThan(0.85);
      assertThat(around.precision()).as("read in groups").isLessThan(exact.precision());
      assertThat(score(scores, "3 recordings, union").coverage())
          .isGreaterThanOrEqualTo(score(scores, "3 recordings, intersection").coverage());
    }
    Score trace =
        estimates.stream()
            .filter(estimate -> estimate.estimator().startsWith("memory trace"))
            .findFirst()
            .orElseThrow()
            .score();
    assertThat(trace.coverage()).as("of what is done again").isGreaterThan(0.95);
  }

  private static Score score(Map<String, Score> scores, String estimator) {
    return Optional.ofNullable(scores.get(estimator)).orElseThrow();
  }

  @Test
  void aRoundOfOverheadsMeasuresEachEstimatorBesideTheTimeBeforeIt() throws Exception {
    try (OverheadStudy study = OverheadStudy.of(GUEST, folder.resolve("image"))) {
      List<Overhead> overheads = study.round(1);
      assertThat(overheads)
          .extracting(Overhead::estimator)
          .containsExactlyInAnyOrder(
              "access bits, exact",
              "access bits, unmap and observe",
              "writes, noted by the kernel",
              "memory trace, reads and writes");
      for (Overhead overhead : overheads) {
        assertThat(overhead.without().beatsPerSecond()).isPositive();
        assertThat(overhead.with().beatsPerSecond()).isPositive();
        assertThat(overhead.with().cpuShare()).as(overhead.estimator()).isPositive();
      }
    }
    assertThat(folder).isEmptyDirectory();
  }
}
