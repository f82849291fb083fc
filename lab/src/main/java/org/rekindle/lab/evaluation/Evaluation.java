package org.rekindle.lab.evaluation;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.json.Json;
import org.rekindle.lab.DiskThrottle;
import org.rekindle.lab.Environment;
import org.rekindle.lab.MeasuredRun;
import org.rekindle.lab.Narrator;
import org.rekindle.lab.Results;
import org.rekindle.lab.RunResult;
import org.rekindle.lab.RunTable;
import org.rekindle.lab.paper.WrongSet;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Profile;

/**
 * The paper's evaluation for real. Each guest is saved once; each run is kept in a folder of its
 * own as soon as it has ended, so an evaluation that was interrupted goes on where it was.
 */
public final class Evaluation {
  /** Whose choice of pages: the same in every run. */
  private static final long SEED = 1;

  /**
   * What to do.
   *
   * @param guests what is restored
   * @param estimatesOf the guest that has its set under- and overestimated; null for none
   * @param repetitions of every run
   * @param saved where saved guests are kept
   * @param out where runs and results go
   */
  public record Settings(
      List<EvaluatedGuest> guests,
      @Nullable String estimatesOf,
      int repetitions,
      Path saved,
      Path out,
      String rekindleVersion) {
    public Settings {
      guests = List.copyOf(guests);
    }
  }

  /** Where the restores are kept that the simulator is checked with. */
  private static final String SIMULATED = "simulated";

  private final Settings settings;
  private final Narrator narrator;
  private final List<Path> guestsToCheck = new ArrayList<>();
  private final List<RunResult> runs = new ArrayList<>();
  private final List<SimulatorCheck.Row> checks = new ArrayList<>();
  private final List<PolicyStudy.Row> policies = new ArrayList<>();
  private @Nullable Environment environment;

  public Evaluation(Settings settings, Narrator narrator) {
    this.settings = settings;
    this.narrator = narrator;
  }

  /**
   * Does what is not done yet, and writes results.json, evaluation.json and the tables.
   *
   * @return the tables
   */
  public String run() throws IOException {
    Path out = Files.createDirectories(settings.out()).toRealPath();
    Files.createDirectories(settings.saved());
    for (EvaluatedGuest guest : settings.guests()) {
      SavedGuest saved = SavedGuest.of(guest, settings.saved().toRealPath(), narrator);
      List<RunResult> restored = restore(guest, saved, out);
      runs.addAll(restored);
      Path kept = out.resolve(SIMULATED).resolve(guest.key());
      KeptRestores.write(
          kept,
          saved,
          contenders(guest),
          environment(),
          restored.stream().map(Evaluation::withoutFaultLog).toList());
      guestsToCheck.add(kept);
      narrator.say(guest.title() + ": ranking ...");
      policies.addAll(PolicyStudy.of(guest.title(), saved));
    }
    narrator.say("simulating ...");
    checks.addAll(SimulatorCheck.of(KeptRestores.read(guestsToCheck)));
    Files.writeString(
        out.resolve(SIMULATED).resolve("check.md"),
        "# The simulator beside measured restores\n\nMade by `rekindle lab paper`; do not edit.\n\n"
            + SimulatorTables.of(checks));
    List<RunResult> inShort = results().runs().stream().map(RunResult::inShort).toList();
    Results.write(environment(), inShort, out.resolve("results.json"));
    Map<String, @Nullable Object> derived = new LinkedHashMap<>();
    derived.put("simulator", checks.stream().map(SimulatorCheck.Row::members).toList());
    derived.put("policies", policies.stream().map(PolicyStudy.Row::members).toList());
    Files.writeString(out.resolve("evaluation.json"), Json.pretty(derived) + "\n");
    CurvePlot.write(runs, out);
    String tables = new EvaluationTables(environment(), runs, checks, policies).text();
    Files.writeString(out.resolve("tables.md"), tables);
    return tables;
  }

  /**
   * What was measured, whole; the file has it without beats and curves, which are with each run and
   * twenty times as long.
   */
  public Results results() {
    List<RunResult> withoutLogs = runs.stream().map(Evaluation::withoutFaultLog).toList();
    return new Results(List.of(new Results.Session(environment(), withoutLogs, settings.out())));
  }

  /**
   * Checks the simulator once more, with the restores that evaluations have kept.
   *
   * @param folders of a guest each; the first is the one that the host's costs are taken from
   * @return the tables
   */
  public static String checkAgain(List<Path> folders) throws IOException {
    return SimulatorTables.of(SimulatorCheck.of(KeptRestores.read(folders)));
  }

  private Environment environment() {
    if (environment == null) {
      throw new IllegalStateException("nothing was measured: no guests");
    }
    return environment;
  }

  private List<Contender> contenders(EvaluatedGuest guest) {
    List<Contender> contenders = new ArrayList<>(Contender.STRATEGIES);
    if (guest.otherInput().isPresent()) {
      contenders.addAll(Contender.OTHER_INPUT);
    }
    if (guest.key().equals(settings.estimatesOf())) {
      contenders.addAll(Contender.estimates());
    }
    return contenders;
  }

  private List<RunResult> restore(EvaluatedGuest guest, SavedGuest saved, Path out)
      throws IOException {
    List<RunResult> restored = new ArrayList<>();
    for (int repetition = 1; repetition <= settings.repetitions(); repetition++) {
      // Nobody is always first, or always behind the same other one.
      List<Contender> order = new ArrayList<>(contenders(guest));
      Collections.rotate(order, repetition - 1);
      for (Contender contender : order) {
        Path folder =
            out.resolve("runs").resolve(guest.key()).resolve(contender.folder(repetition));
        Path results = folder.resolve("results.json");
        if (!Files.exists(results)) {
          narrator.say(
              "%s: restoring, %s, %d of %d ..."
                  .formatted(guest.title(), contender.label(), repetition, settings.repetitions()));
          restore(guest, saved, contender, repetition, Files.createDirectories(folder));
        }
        Results.Session session = Results.read(results).sessions().getFirst();
        environment = environment == null ? session.environment() : environment;
        restored.addAll(session.runs());
      }
    }
    return restored;
  }

  /** Gives the image a working set as the strategy stores it: the paper's as it was seen. */
  static void attach(Path image, Profile set, Strategy strategy) throws IOException {
    if (strategy == Strategy.ADAPTIVE) {
      Image.attach(image, set);
    } else {
      Image.attachAsItIs(image, set);
    }
  }

  private void restore(
      EvaluatedGuest guest, SavedGuest saved, Contender contender, int repetition, Path folder)
      throws IOException {
    Profile set = workingSet(contender, saved);
    if (set != null) {
      attach(saved.image(), set, contender.strategy());
    }
    switch (DiskThrottle.apply(saved.image(), DiskThrottle.Limits.DISK)) {
      case DiskThrottle.Outcome.Unthrottled(String reason) ->
          throw new IOException(
              "the disk cannot be slowed down here, and times on it as it is mean nothing: "
                  + reason);
      case DiskThrottle.Outcome.Throttled(DiskThrottle throttle) -> {
        try (throttle) {
          String storage = "disk of " + throttle.limits();
          MeasuredRun run =
              new MeasuredRun(
                  saved.saved(),
                  new MeasuredRun.Conditions(
                      storage, MeasuredRun.Cache.COLD, 0, repetition, throttle),
                  folder,
                  (done, total) -> narrator.progress("Restoring", done, total));
          RunResult result =
              run.restore(
                      contender.label(),
                      image -> contender.strategy().plan(image, Strategy.Options.DEFAULT))
                  .ofGuest(guest.title());
          narrator.say("  " + RunTable.sentence(result));
          Results.write(
              Environment.here(
                  storage + " (" + Files.getFileStore(folder).type() + ")",
                  "read limits of a control group: " + throttle,
                  settings.rekindleVersion(),
                  guest.method()),
              List.of(result),
              folder.resolve("results.json"));
        }
      }
    }
  }

  /** The set that a contender is given; null if it is given none. */
  static @Nullable Profile workingSet(Contender contender, SavedGuest saved) throws IOException {
    Profile set;
    switch (contender.knowledge()) {
      case NONE -> {
        return null;
      }
      case ACCESS_BITS -> set = saved.accessBits();
      case TRACE -> set = saved.trace();
      case OTHER_INPUT -> set = saved.otherInput().orElseThrow();
      default -> throw new IllegalStateException("unknown: " + contender.knowledge());
    }
    if (contender.setPercent() < 100) {
      return WrongSet.kept(set, contender.setPercent() / 100.0, SEED);
    }
    return contender.setPercent() == 100 ? set : overestimated(set, contender.setPercent(), saved);
  }

  /** The set and others of the guest's stored pages behind it, at random. */
  private static Profile overestimated(Profile set, int percent, SavedGuest saved)
      throws IOException {
    BitSet free = new BitSet();
    try (Image image = Image.open(saved.image())) {
      for (int page = 0; page < image.memory().pages(); page++) {
        free.set(page, image.base().blockOf(page) >= 0);
      }
    }
    for (int page : set.pages()) {
      free.clear(page);
    }
    int more = set.size() * (percent - 100) / 100;
    return WrongSet.widened(set, free, more, SEED);
  }

  /** Fault logs stay with their runs; results that are passed on do not name them. */
  private static RunResult withoutFaultLog(RunResult run) {
    RunResult.Evidence evidence = run.evidence();
    return run.with(
        new RunResult.Evidence(
            evidence.memoryIdentical(),
            null,
            evidence.memoryBytes(),
            evidence.qemuVersion(),
            evidence.postcopyBlocktimeMs(),
            evidence.remark()));
  }
}
