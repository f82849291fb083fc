package org.rekindle.lab;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.rekindle.lab.RunResult.Condition;
import org.rekindle.lab.RunResult.Cost;
import org.rekindle.lab.RunResult.Evidence;
import org.rekindle.lab.RunResult.Opening;
import org.rekindle.lab.RunResult.Paging;
import org.rekindle.lab.RunResult.Progress;
import org.rekindle.lab.RunResult.Responsiveness;
import org.rekindle.responsiveness.Stall;
import org.rekindle.responsiveness.StallTimeline;
import org.rekindle.responsiveness.SteadyState;

/** One run in which everything is known and one in which nothing is. */
final class SampleResults {
  static final Environment ENVIRONMENT =
      new Environment(
          "An Example CPU, memory 4 GiB",
          "Linux 6.1",
          2,
          "virtual disk",
          "100 MB/s and 1000 reads per second, by cgroup",
          "0.1.0",
          Instant.parse("2026-01-31T12:00:00Z"),
          List.of("The page cache was dropped, and verified to be cold."));

  static final RunResult KNOWN =
      new RunResult(
          new Condition("1 GiB Linux, 2 vCPUs", "adaptive", "disk, 100 MB/s", 1),
          new Opening(15.5, 90.0, 170_000L, 6L),
          new Progress(
              20.5,
              35.25,
              61.5,
              120.000001,
              2500.0,
              new SteadyState(50.5, 1.25, 1_000_000_000),
              List.of(61.5, 81.5, 101.25)),
          Responsiveness.of(
              StallTimeline.of(
                  35_250_000,
                  2,
                  List.of(
                      new Stall(40_000_000, 90_000_000, 0),
                      new Stall(50_000_000, 950_000_000, 1)))),
          new Paging(210L, 12L, 4000L, 190_000_000L, 1500L, 24_000L, 23_000L),
          new Cost(410.0, 2300.0, 180L << 20, 1100L << 20, 195_000_000L, 1510L),
          new Evidence(
              true,
              "adaptive-1.csv",
              Map.of("pc.ram", 1L << 30),
              "7.2.9",
              118.0,
              "the guest was saved under load"));

  static final RunResult UNKNOWN =
      RunResult.of(new Condition("1 GiB Linux, 2 vCPUs", "stock QEMU", "disk, 100 MB/s", 1));

  private SampleResults() {}
}
