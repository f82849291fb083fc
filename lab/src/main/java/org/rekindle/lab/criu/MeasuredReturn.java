package org.rekindle.lab.criu;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.rekindle.json.Json;
import org.rekindle.lab.ColdCache;
import org.rekindle.lab.FaultLogCsv;
import org.rekindle.lab.FaultRow;
import org.rekindle.lab.RunResult;
import org.rekindle.responsiveness.Stall;
import org.rekindle.responsiveness.StallTimeline;
import org.rekindle.restore.Strategy;

/*
 * What a run is
 *
 * A fresh sandbox; dump and image dropped from the page cache, which is verified; the daemon started
 * and listening, whoever's it is (how long that takes is measured apart: it can wait long before
 * anybody wants a restore). The clock starts with the start of 'criu restore'. The clients are there
 * already and knock every millisecond. They ask until the program is back to normal and all memory is in,
 * or for WATCH_NS.
 */

/** Restores a dumped program once, and measures how its clients see it come back. */
final class MeasuredReturn {
  /** Stock lazy-pages takes about 70 s for 512 MiB if faults keep its transfers at 64 KiB. */
  private static final long WATCH_NS = 100_000_000_000L;

  private static final int LOOK_ANSWERS = 100;

  /**
   * A program that was dumped, and what it was like.
   *
   * @param image made by an import of the dump, with a profile
   * @param root the Debian folder
   */
  record Saved(Program program, CriuDump dump, Path image, ClientView normal, Path root) {}

  /**
   * What came of a run.
   *
   * @param daemonReadyMs from the start of the daemon until it listened; NaN without one
   * @param faultTtrMs TTR(1 s, 0.9) by the fault log, where there is one; else NaN
   */
  record Measured(RunResult result, double daemonReadyMs, double faultTtrMs) {}

  private final Saved saved;
  private final Path out;
  private final Load.Pace pace;

  MeasuredReturn(Saved saved, Path out, Load.Pace pace) {
    this.saved = saved;
    this.out = out;
    this.pace = pace;
  }

  /** Restores while only faults bring pages, and stores what they were as the image's profile. */
  void record(long seed) throws IOException, InterruptedException {
    try (Sandbox sandbox = Sandbox.start(saved.root(), saved.dump().work())) {
      Process daemon = ourDaemon(RestoreDaemon.RECORD);
      try {
        awaitListening(daemon);
        try (Load _ = Load.start(saved.program(), saved.dump().work(), pace, seed)) {
          Process criu = startRestore(sandbox, true);
          saved.dump().awaitRestored(criu);
          int status = daemon.waitFor();
          if (status != 0) {
            throw new IOException("the recording failed with status " + status);
          }
        }
      } finally {
        daemon.destroyForcibly();
      }
    }
  }

  /** Restores as a contender does. */
  Measured run(Contender contender, RunResult.Condition condition, long seed)
      throws IOException, InterruptedException {
    CriuDump dump = saved.dump();
    try (Sandbox sandbox = Sandbox.start(saved.root(), dump.work())) {
      ColdCache.Result cache = ColdCache.drop(List.of(dump.images(), saved.image()));
      long startedNs = System.nanoTime();
      Optional<Process> daemon = daemon(contender, sandbox);
      double readyMs = Double.NaN;
      try {
        if (daemon.isPresent()) {
          awaitListening(daemon.get());
          readyMs = (System.nanoTime() - startedNs) / 1e6;
        }
        Load load = Load.start(saved.program(), dump.work(), pace, seed);
        long commandNs;
        double allInMs;
        long untilNs;
        try (load) {
          commandNs = System.nanoTime();
          Process criu = startRestore(sandbox, daemon.isPresent());
          dump.awaitRestored(criu);
          allInMs = watch(load, commandNs, daemon, System.nanoTime());
          untilNs = System.nanoTime();
        }
        saved.program().checkSome(dump.work());
        List<Load.Answer> answers = load.answers();
        RunResult result =
            RunResult.of(condition)
                .with(saved.normal().responsiveness(answers, commandNs, pace.clients()))
                .with(evidence(null, cache));
        if (contender.strategy().isEmpty()) {
          Double in = Double.isNaN(allInMs) ? null : (Double) allInMs;
          RunResult.Progress progress =
              saved.normal().progress(answers, commandNs, untilNs, null, in);
          return new Measured(result.with(progress), readyMs, Double.NaN);
        }
        return ours(result, answers, commandNs, untilNs, readyMs, cache);
      } finally {
        daemon.ifPresent(Process::destroyForcibly);
      }
    }
  }

  /** Until all is well; when all memory was in, or NaN. */
  private double watch(Load load, long commandNs, Optional<Process> daemon, long restoredNs)
      throws IOException, InterruptedException {
    double allInMs = daemon.isPresent() ? Double.NaN : (restoredNs - commandNs) / 1e6;
    boolean normal = false;
    while ((Double.isNaN(allInMs) || !normal) && System.nanoTime() - commandNs < WATCH_NS) {
      load.awaitMore(LOOK_ANSWERS);
      long nowNs = System.nanoTime();
      normal = saved.normal().backToNormalNs(load.answers(), commandNs, nowNs).isPresent();
      if (Double.isNaN(allInMs) && daemon.isPresent() && !daemon.get().isAlive()) {
        if (daemon.get().exitValue() != 0) {
          throw new IOException("the daemon ended with status " + daemon.get().exitValue());
        }
        allInMs = (nowNs - commandNs) / 1e6;
      }
    }
    return allInMs;
  }

  private Measured ours(
      RunResult result,
      List<Load.Answer> answers,
      long commandNs,
      long untilNs,
      double readyMs,
      ColdCache.Result cache)
      throws IOException {
    Map<String, @Nullable Object> account =
        Json.parseObject(Files.readString(out.resolve(RestoreDaemon.ACCOUNT)));
    RunResult.Condition condition = result.condition();
    String log =
        "faults-%s-%s-%s-%d.csv"
            .formatted(
                condition.guest().replaceAll("[^A-Za-z].*", ""),
                condition.strategy(),
                condition.storage().replaceAll("[^A-Za-z].*", ""),
                condition.repetition());
    List<FaultRow> rows =
        FaultLogCsv.read(out.resolve(RestoreDaemon.FAULTS)).stream()
            .map(row ->
                new FaultRow(
                    row.arrivalNs() - commandNs,
                    row.servedNs() - commandNs,
                    row.region(),
                    row.page(),
                    row.cause(),
                    row.vcpu()))
            .toList();
    FaultLogCsv.write(rows, out.resolve(log));
    long firstNs = number(account, "firstInstructionNs") - commandNs;
    StallTimeline faults =
        StallTimeline.perGuest(
            firstNs, rows.stream().map(row -> new Stall(row.arrivalNs(), row.servedNs())).toList());
    double allInMs = (number(account, "allInNs") - commandNs) / 1e6;
    RunResult measured =
        result
            .with(saved.normal().progress(answers, commandNs, untilNs, firstNs / 1e6, allInMs))
            .with(
                new RunResult.Paging(
                    number(account, "demandFaults"),
                    number(account, "lateFaults"),
                    number(account, "zeroPages"),
                    number(account, "bytesRead"),
                    number(account, "reads"),
                    number(account, "prefetched"),
                    null))
            .with(evidence(log, cache));
    return new Measured(measured, readyMs, faults.ttr(1_000_000_000).ttrNs(0.9) / 1e6);
  }

  private static long number(Map<String, @Nullable Object> account, String name) {
    if (account.get(name) instanceof Number number) {
      return number.longValue();
    }
    throw new IllegalArgumentException("the daemon's account has no number " + name);
  }

  private static RunResult.Evidence evidence(@Nullable String faultLog, ColdCache.Result cache) {
    return new RunResult.Evidence(
        null, faultLog, Map.of(), null, null, cache.isCold() ? null : cache.toString());
  }

  private Process startRestore(Sandbox sandbox, boolean lazily) throws IOException {
    return lazily
        ? saved.dump().startRestore(sandbox, CriuDump.SAME_CGROUPS, "--lazy-pages")
        : saved.dump().startRestore(sandbox, CriuDump.SAME_CGROUPS);
  }

  private Optional<Process> daemon(Contender contender, Sandbox sandbox) throws IOException {
    Optional<Strategy> strategy = contender.strategy();
    if (strategy.isPresent()) {
      return Optional.of(ourDaemon(strategy.get().label()));
    }
    return contender == Contender.CRIU_RESTORE
        ? Optional.empty()
        : Optional.of(saved.dump().startLazyPages(sandbox));
  }

  /** A JVM like this one, which has the settings of ./rekindle. */
  private Process ourDaemon(String strategy) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(RestoreDaemon.class.getName(), saved.image().toString()));
    command.addAll(List.of(saved.dump().socket().toString(), strategy, out.toString()));
    Files.deleteIfExists(saved.dump().socket());
    return new ProcessBuilder(command)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }

  /** The socket appears when the daemon binds it, right before it listens. */
  private void awaitListening(Process daemon) throws IOException, InterruptedException {
    while (!Files.exists(saved.dump().socket())) {
      if (daemon.waitFor(1, TimeUnit.MILLISECONDS)) {
        throw new IOException("the daemon ended with status " + daemon.exitValue());
      }
    }
  }
}
