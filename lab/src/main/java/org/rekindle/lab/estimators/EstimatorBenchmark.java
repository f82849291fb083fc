package org.rekindle.lab.estimators;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.rekindle.lab.DemoProcess;
import org.rekindle.lab.GuestKit;

/**
 * Measures how well estimators foresee what a saved guest touches, and what they cost: {@code
 * scripts/bench-estimators}.
 */
public final class EstimatorBenchmark {
  private EstimatorBenchmark() {}

  /** Arguments: a work folder, one for the report, rounds, and MiB of the guests' memory. */
  public static void main(String[] arguments) throws Exception {
    Path work = Path.of(arguments[0]);
    Path out = Files.createDirectories(Path.of(arguments[1]));
    int rounds = Integer.parseInt(arguments[2]);
    int memoryMiB = Integer.parseInt(arguments[3]);
    if (memoryMiB < EstimatedMachine.LEAST_MIB) {
      say("a Linux and its work need %d MiB or more".formatted(EstimatedMachine.LEAST_MIB));
      System.exit(2);
    }
    List<EstimatedGuest> guests =
        List.of(
            new EstimatedProcess(DemoProcess.ofSize(memoryMiB)),
            EstimatedMachine.of(
                GuestKit.provision(EstimatorBenchmark::say).withNewestQemu(), memoryMiB));
    EstimatorReport report = new EstimatorReport(rounds, memoryMiB, work);
    for (EstimatedGuest guest : guests) {
      measure(guest, work.resolve("image"), rounds, report);
    }
    report.write(out);
  }

  private static void measure(EstimatedGuest guest, Path image, int rounds, EstimatorReport report)
      throws IOException, InterruptedException {
    try (OverheadStudy study = OverheadStudy.of(guest, image)) {
      for (int round = 0; round <= rounds; round++) { // the first one warms everything up
        for (Overhead overhead : study.round(round)) {
          say(
              "%s, round %d, %s: %.1f%% more time, %.2f%% of a processor"
                  .formatted(
                      guest.title(),
                      round,
                      overhead.estimator(),
                      100 * overhead.slowdown(),
                      100 * overhead.cpuShare()));
          if (round > 0) {
            report.add(overhead);
          }
        }
      }
    }
    EstimatorStudy study = new EstimatorStudy(guest, image);
    for (int round = 1; round <= rounds; round++) {
      for (Estimate estimate : study.round(round)) {
        say(
            "%s, round %d, %s, %s: coverage %.1f%%, precision %.1f%%"
                .formatted(
                    guest.title(),
                    round,
                    estimate.does(),
                    estimate.estimator(),
                    100 * estimate.score().coverage(),
                    100 * estimate.score().precision()));
        report.add(estimate);
      }
    }
  }

  private static void say(String line) {
    System.err.println("bench-estimators: " + line);
  }
}
