package org.rekindle.cli.report;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.IntToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.rekindle.lab.Environment;
import org.rekindle.lab.FaultLogCsv;
import org.rekindle.lab.FaultRow;
import org.rekindle.lab.Results;
import org.rekindle.lab.RunResult;
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

/**
 * Results as the demo would write them, from a toy model: a guest of 1 GiB that walks over 96 MiB
 * in a fixed shuffled order, 163 us of work on each page, a beat every 128 pages, and a disk that
 * takes about a millisecond for a random page. Only for looking at the report; its numbers are no
 * claim.
 */
final class SyntheticResults {
  static final String GUEST = "1 GiB Linux, 1 vCPU, pc";
  static final String STORAGE = "disk, 100 MB/s and 1000 reads/s";
  static final int REPETITIONS = 3;

  private static final int PAGES = 1 << 18;
  private static final int SET_PAGES = 24_576;
  private static final double WORK_MS = 0.163;
  private static final int PAGES_PER_BEAT = 128;
  private static final double FILL_PAGES_PER_MS = 4.096;

  private final Path directory;
  private final List<RunResult> runs = new ArrayList<>();

  private SyntheticResults(Path directory) {
    this.directory = directory;
  }

  /** Writes results.json and its fault logs, and says where it is. */
  static Path write(Path directory) throws IOException {
    SyntheticResults all = new SyntheticResults(directory);
    for (int repetition = 1; repetition <= REPETITIONS; repetition++) {
      all.measure(repetition, new Random(repetition));
    }
    Path file = directory.resolve("results.json");
    Results.write(environment(), all.runs, file);
    return file;
  }

  static Environment environment() {
    return new Environment(
        "AMD EPYC 7B13, memory 8 GiB",
        "Linux 6.1.0-27-amd64",
        2,
        "ext4 on a virtual disk",
        "100 MB/s and 1000 reads per second, by a cgroup",
        "0.1.0",
        Instant.parse("2026-01-31T12:00:00Z"),
        List.of(
            "Before each run the image was dropped from the page cache, and mincore found no page of it there.",
            "Runs of the strategies took turns, so that a slow minute of the host hits all of them.",
            "These numbers come from a toy model: they show the report, not Rekindle."));
  }

  private void measure(int repetition, Random random) throws IOException {
    double noise = 1 + random.nextGaussian() * 0.03;
    double never = Double.POSITIVE_INFINITY;
    run("stock QEMU", repetition, random, 9100 * noise, page -> 0, false, 0, 787_000_000L);
    run("eager", repetition, random, 4300 * noise, page -> 0, true, 0, 236_000_000L);
    double lazyMs = 190 * noise;
    run(
        "lazy",
        repetition,
        random,
        lazyMs,
        page -> lazyMs + page / FILL_PAGES_PER_MS,
        true,
        0,
        262_000_000L);

    // Ranks of the profile: 96 % of the walk; what it misses is fetched on demand.
    double[] rank = new double[PAGES];
    java.util.Arrays.fill(rank, never);
    int known = 0;
    for (int page : order()) {
      if (random.nextInt(100) < 96) {
        rank[page] = known++;
      }
    }
    int prefetched = known + 700;
    double setMs = 1450 * noise;
    run(
        "working-set",
        repetition,
        random,
        setMs,
        page -> rank[page] < never ? 0 : setMs + page / FILL_PAGES_PER_MS,
        true,
        prefetched,
        254_000_000L);
    double adaptiveMs = 130 * noise;
    run(
        "adaptive",
        repetition,
        random,
        adaptiveMs,
        page -> Math.min(80 + rank[page] / 15, 1700 + page / 70.0),
        true,
        prefetched,
        239_000_000L);
  }

  /** The walk: every page of the set once, in an order that is fixed and not sequential. */
  private static List<Integer> order() {
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < SET_PAGES; i++) {
      order.add(40_000 + i * 6 + (i * 7) % 5);
    }
    Collections.shuffle(order, new Random(42));
    return order;
  }

  private void run(
      String strategy,
      int repetition,
      Random random,
      double firstMs,
      IntToDoubleFunction inMs,
      boolean logged,
      int prefetched,
      long bytesRead)
      throws IOException {
    List<Double> beatsMs = new ArrayList<>();
    List<FaultRow> faults = new ArrayList<>();
    double now = firstMs + 3;
    int worked = 0;
    double lastFaultMs = 0;
    boolean[] in = new boolean[PAGES];
    while (now < Math.max(firstMs, lastFaultMs) + 8000) {
      for (int set : order()) {
        // Now and then something else is touched: the kernel, the rest of the data.
        int page = random.nextInt(60) == 0 ? random.nextInt(PAGES) : set;
        if (!in[page] && inMs.applyAsDouble(page) > now) {
          double arrives = inMs.applyAsDouble(page);
          double fetched = now + 0.9 + random.nextExponential() * 0.25;
          FaultRow.Cause cause =
              random.nextInt(25) == 0
                  ? FaultRow.Cause.ZERO
                  : arrives < fetched ? FaultRow.Cause.LATE : FaultRow.Cause.DEMAND;
          double served = cause == FaultRow.Cause.ZERO ? now + 0.03 : Math.min(arrives, fetched);
          faults.add(
              new FaultRow(
                  Math.round(now * 1e6), Math.round(served * 1e6), "pc.ram", page, cause, 0));
          now = served;
          lastFaultMs = served;
        }
        in[page] = true;
        now += WORK_MS * (0.9 + 0.2 * random.nextDouble());
        if (++worked % PAGES_PER_BEAT == 0) {
          beatsMs.add(now);
        }
      }
    }
    record(strategy, repetition, firstMs, beatsMs, logged ? faults : null, prefetched, bytesRead);
  }

  private void record(
      String strategy,
      int repetition,
      double firstMs,
      List<Double> beatsMs,
      @Nullable List<FaultRow> faults,
      int prefetched,
      long bytesRead)
      throws IOException {
    SteadyState steady = new SteadyState(47.9, 0.9, SteadyState.WINDOW_NS);
    long[] beatsNs = beatsMs.stream().mapToLong(ms -> Math.round(ms * 1e6)).toArray();
    var back = steady.backToNormalNs(beatsNs, beatsNs[beatsNs.length - 1]);
    String log = null;
    List<Stall> stalls = new ArrayList<>();
    if (faults != null) {
      log = strategy + "-" + repetition + ".csv";
      FaultLogCsv.write(faults, directory.resolve(log));
      faults.forEach(f -> stalls.add(new Stall(f.arrivalNs(), f.servedNs(), f.vcpu())));
    }
    long demanded =
        faults == null ? 0 : faults.stream().filter(f -> f.cause() != FaultRow.Cause.LATE).count();
    Map<String, Long> memory = new LinkedHashMap<>();
    memory.put("pc.ram", (long) PAGES * 4096);
    memory.put("pc.bios", 262_144L);
    runs.add(
        new RunResult(
            new Condition(GUEST, strategy, STORAGE, repetition),
            new Opening(null, null, null, null),
            new Progress(
                null,
                firstMs,
                beatsMs.getFirst(),
                back.isPresent() ? back.getAsLong() / 1e6 : null,
                strategy.equals("adaptive") ? 5400.0 : PAGES / FILL_PAGES_PER_MS + firstMs,
                steady,
                beatsMs),
            Responsiveness.of(StallTimeline.of(Math.round(firstMs * 1e6), 1, stalls)),
            faults == null
                ? new Paging(null, null, null, bytesRead, null, null, null)
                : new Paging(
                    demanded,
                    faults.size() - demanded,
                    70_000L,
                    bytesRead,
                    demanded + bytesRead / 1_000_000,
                    (long) prefetched,
                    prefetched == 0 ? 0L : prefetched - 1650L),
            new Cost(null, null, null, null, null, null),
            new Evidence(true, log, memory, "7.2.13", null, null)));
  }
}
