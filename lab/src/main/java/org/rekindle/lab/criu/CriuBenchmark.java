package org.rekindle.lab.criu;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.criu.CriuImport;
import org.rekindle.image.ImageWriter;
import org.rekindle.lab.DiskThrottle;
import org.rekindle.lab.Environment;
import org.rekindle.lab.Results;
import org.rekindle.lab.RunResult;
import org.rekindle.scope.Scope;

/**
 * Measures how redis and a JVM come back from a dump of CRIU's: by CRIU alone, with its own
 * lazy-pages daemon, and with ours, in turns: {@code scripts/bench-criu}.
 */
public final class CriuBenchmark {
  private static final String CRIU = "criu";

  /** Steady state is three windows of a second; this is several of them. */
  private static final int WARM_S = 10;

  private static final int FREE_PORTIONS = 4; // dump, image, hot store, and as much again

  private static final List<String> METHOD =
      List.of(
          "Before each run dump and image were dropped from the page cache, which was verified;"
              + " programs and libraries stayed in it, for all alike.",
          "Times count from the start of 'criu restore'. The daemon listened already, whoever's it"
              + " was; clients knocked every millisecond.",
          "Each round has all contenders, in another order.",
          "firstHeartbeatMs is the first right answer; a beat is 25 answers; stalls are those of the"
              + " clients (docs/formats/results.md).");

  private final Path root;
  private final Path work;
  private final Path out;
  private final int rounds;
  private final String version;
  private final CriuReport report;

  private CriuBenchmark(Path root, Path work, Path out, int rounds, String version)
      throws IOException {
    this.root = root;
    this.work = work;
    this.out = out;
    this.rounds = rounds;
    this.version = version;
    this.report = new CriuReport(rounds);
  }

  /**
   * Arguments: the Debian folder, a work folder, a folder for raw results, one for the report,
   * rounds, MiB of redis' data, MiB of the JVM's objects, and our version.
   */
  public static void main(String[] arguments) throws Exception {
    Path out = Files.createDirectories(Path.of(arguments[2]));
    Path documents = Files.createDirectories(Path.of(arguments[3]));
    CriuBenchmark benchmark =
        new CriuBenchmark(
            Path.of(arguments[0]),
            Files.createDirectories(Path.of(arguments[1])),
            out,
            Integer.parseInt(arguments[4]),
            arguments[7]);
    benchmark.run(
        List.of(
            new RedisProgram(Integer.parseInt(arguments[5])),
            new HeapProgram(Integer.parseInt(arguments[6]))));
    benchmark.report.write(documents);
  }

  private void run(List<Program> programs) throws IOException, InterruptedException {
    List<MeasuredReturn.Saved> all = new ArrayList<>();
    for (Program program : programs) {
      all.add(prepare(program));
    }
    measure(all, DiskThrottle.Limits.DISK);
    measure(all, null);
  }

  private MeasuredReturn.Saved prepare(Program program) throws IOException, InterruptedException {
    Path place = Files.createTempDirectory(work, "program-");
    long needed = (long) FREE_PORTIONS * program.dataBytes();
    if (Files.getFileStore(place).getUsableSpace() < needed) {
      throw new IOException("%s has not the %,d bytes that this takes".formatted(work, needed));
    }
    say("starting " + program.description());
    MeasuredReturn.Saved saved;
    try (Sandbox sandbox = Sandbox.start(root, place)) {
      int pid = program.start(sandbox, place);
      Load load = Load.start(program, place, Load.Pace.DEFAULT, 1);
      try (load) {
        load.awaitMore(WARM_S * Load.Pace.DEFAULT.requestsPerSecond());
        load.awaitMore(WARM_S * Load.Pace.DEFAULT.requestsPerSecond());
      }
      List<Load.Answer> answers = load.answers();
      ClientView normal = ClientView.normal(answers.subList(answers.size() / 2, answers.size()));
      say("dumping it; normal: " + normal.steadyState());
      CriuDump dump = CriuDump.make(sandbox, CRIU, place, pid, CriuDump.SAME_CGROUPS);
      Path image = place.resolve("program.rekindle");
      saved = new MeasuredReturn.Saved(program, dump, image, normal, root);
    }
    try (CriuImport imported =
        new CriuImport(
            saved.dump().images(), saved.image(), ImageWriter.Options.DEFAULT, (_, _) -> {})) {
      report.saved(saved, imported.run());
    }
    say("recording");
    new MeasuredReturn(saved, out, Load.Pace.DEFAULT).record(2);
    return saved;
  }

  private void measure(List<MeasuredReturn.Saved> all, DiskThrottle.@Nullable Limits limits)
      throws IOException, InterruptedException {
    try (Scope scope = new Scope()) {
      String storage = "the disk as it is";
      @Nullable String throttle = null;
      if (limits != null) {
        switch (DiskThrottle.apply(work, limits)) {
          case DiskThrottle.Outcome.Throttled(DiskThrottle slow) -> {
            scope.add(slow);
            storage = "disk of " + limits;
            throttle = "read limits of a control group: " + slow;
          }
          case DiskThrottle.Outcome.Unthrottled(String reason) -> {
            say("no slow disk: " + reason);
            return;
          }
        }
      }
      List<RunResult> runs = new ArrayList<>();
      Environment environment = Environment.here(work + ": " + storage, throttle, version, METHOD);
      for (int round = 1; round <= rounds; round++) {
        for (MeasuredReturn.Saved saved : all) {
          List<Contender> order = new ArrayList<>(List.of(Contender.values()));
          Collections.rotate(order, round);
          for (Contender contender : order) {
            RunResult.Condition condition =
                new RunResult.Condition(
                    saved.program().description(), contender.label(), storage, round);
            MeasuredReturn.Measured measured =
                new MeasuredReturn(saved, out, Load.Pace.DEFAULT)
                    .run(contender, condition, 100 + round);
            runs.add(measured.result());
            report.add(measured);
            say(
                "%s, %s, round %d: first answer %.0f ms, back to normal %.0f ms"
                    .formatted(
                        saved.program().description(),
                        contender.label(),
                        round,
                        measured.result().progress().firstHeartbeatMs(),
                        Optional.ofNullable(measured.result().progress().backToNormalMs())
                            .orElse(Double.NaN)));
          }
        }
      }
      String name = limits == null ? "results-unthrottled.json" : "results-throttled.json";
      Results.write(environment, runs, out.resolve(name));
    }
  }

  private static void say(String line) {
    System.err.println("bench-criu: " + line);
  }
}
