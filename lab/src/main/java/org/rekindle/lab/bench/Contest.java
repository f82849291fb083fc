package org.rekindle.lab.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.lab.DiskThrottle;
import org.rekindle.lab.Environment;
import org.rekindle.lab.GuestKit;
import org.rekindle.lab.HandlerInC;
import org.rekindle.lab.MeasuredRun;
import org.rekindle.lab.Narrator;
import org.rekindle.lab.RunResult;
import org.rekindle.lab.RunTable;
import org.rekindle.lab.SavedSubject;

/** One guest of a benchmark, restored by everyone. */
final class Contest {
  /** Boot, steady state, saves and two recordings of the demo's guest take a minute. */
  private static final long PREPARATION_S = 60;

  /** Start of the VMM, watching it, looking at its memory. */
  private static final long AROUND_A_RUN_S = 9;

  /** Of an image's bytes for a byte of memory, as the guests here are filled and compressed. */
  private static final double IMAGE_SHARE = 0.5;

  private final Bench.Settings settings;
  private final BenchGuest guest;
  private final GuestFiles files;
  private final Narrator narrator;
  private final List<Competitor> competitors;

  Contest(
      Bench.Settings settings,
      BenchGuest guest,
      List<Competitor> competitors,
      Path folder,
      Narrator narrator) {
    this.settings = settings;
    this.guest = guest;
    this.files = new GuestFiles(folder);
    this.narrator = narrator;
    this.competitors = competitors;
  }

  /** About how long what is not there yet will take. */
  Duration remaining() throws IOException {
    double seconds = 0;
    for (StorageCondition storage : settings.storages()) {
      for (Turn turn : missing(storage)) {
        seconds += AROUND_A_RUN_S + readingSeconds(storage) + fillSeconds(turn.competitor());
      }
    }
    return Duration.ofSeconds(seconds == 0 ? 0 : PREPARATION_S + Math.round(seconds));
  }

  private double readingSeconds(StorageCondition storage) {
    double bytes = IMAGE_SHARE * guest.subject().memoryMiB() * (1 << 20);
    double atLeastBytesPerSecond = 50e6; // with 20 ms for each extent
    return storage.firstByteNs() > 0
        ? bytes / atLeastBytesPerSecond
        : bytes / Math.min(1e9, (double) storage.limits().readBytesPerSecond());
  }

  private double fillSeconds(Competitor competitor) {
    String name = competitor.name();
    return name.startsWith("lazy") || name.startsWith("working-set")
        ? guest.subject().memoryMiB() * 256.0 / guest.options().fillPagesPerSecond()
        : name.startsWith("REAP") || name.startsWith("FaaSnap")
            ? RivalPlans.FILL_AFTER_NS / 1e9
            : 0;
  }

  /** A restore that is still to be made. */
  private record Turn(Competitor competitor, int round) {}

  /** In rounds, each of which begins with another one. */
  private List<Turn> missing(StorageCondition storage) throws IOException {
    List<RunResult> done = files.runs(storage);
    List<Turn> missing = new ArrayList<>();
    for (int round = 1; round <= settings.rounds(); round++) {
      for (int i = 0; i < competitors.size(); i++) {
        Competitor competitor = competitors.get((i + round - 1) % competitors.size());
        int repetition = round;
        if (takesPart(competitor, storage)
            && done.stream()
                .map(RunResult::condition)
                .noneMatch(run ->
                    run.strategy().equals(competitor.name()) && run.repetition() == repetition)) {
          missing.add(new Turn(competitor, round));
        }
      }
    }
    return missing;
  }

  private static boolean takesPart(Competitor competitor, StorageCondition storage) {
    return storage.firstByteNs() == 0 || competitor instanceof Competitor.Planned;
  }

  /** Makes all restores that are missing; the comparison of each storage. */
  List<Comparison> run() throws IOException {
    if (!remaining().isZero()) {
      SavedSubject saved = files.saved(guest.subject(), narrator);
      for (StorageCondition storage : settings.storages()) {
        if (!missing(storage).isEmpty()) {
          run(saved, storage);
        }
      }
      files.removeSaved();
    }
    List<Comparison> comparisons = new ArrayList<>();
    for (StorageCondition storage : settings.storages()) {
      comparisons.add(
          new Comparison(
              guest.name(),
              storage.label(),
              files.runs(storage),
              files.device(storage),
              files.results(storage)));
    }
    return comparisons;
  }

  private void run(SavedSubject saved, StorageCondition storage) throws IOException {
    switch (DiskThrottle.apply(saved.image(), storage.limits())) {
      case DiskThrottle.Outcome.Throttled(DiskThrottle group) -> {
        try (group) {
          run(saved, storage, group);
        }
      }
      case DiskThrottle.Outcome.Unthrottled(String reason) -> {
        narrator.say("the disk is NOT slowed down, so results vary with it: " + reason);
        run(saved, storage, null);
      }
    }
  }

  private void run(SavedSubject saved, StorageCondition storage, @Nullable DiskThrottle group)
      throws IOException {
    String words = storage.words(group != null);
    narrator.say("== %s, %s".formatted(guest.name(), words));
    Environment environment =
        Environment.here(
            words + " (" + Files.getFileStore(saved.image()).type() + ")",
            group == null ? null : "read limits of a control group: " + group,
            settings.rekindleVersion(),
            method(storage));
    List<RunResult> runs = new ArrayList<>(files.runs(storage));
    ImageLayouts layouts = new ImageLayouts(saved.image());
    warmUp(saved, words);
    int probedInRound = 0;
    for (Turn turn : missing(storage)) {
      if (turn.round() != probedInRound) {
        probedInRound = turn.round();
        probe(saved, storage);
      }
      narrator.say("round %d, %s ...".formatted(turn.round(), turn.competitor().name()));
      MeasuredRun.Conditions conditions =
          new MeasuredRun.Conditions(
              words, storage.cache(), storage.firstByteNs(), turn.round(), group);
      RunResult run =
          run(
              turn.competitor(),
              layouts,
              new MeasuredRun(
                  saved,
                  conditions,
                  files.folder(storage),
                  (done, total) ->
                      narrator.progress("Restoring, " + turn.competitor().name(), done, total)));
      narrator.say("  " + RunTable.sentence(run));
      runs.removeIf(each -> each.condition().strategy().equals(OracleRun.NAME));
      runs.add(run);
      runs.add(OracleRun.of(saved, words, files.device(storage), runs));
      files.write(storage, environment, runs);
    }
  }

  /**
   * A restore that does not count: the first one in a JVM is slower by seconds of compiling, and
   * would be held against whoever comes first.
   */
  private void warmUp(SavedSubject saved, String words) throws IOException {
    narrator.say("a restore that does not count, to warm up ...");
    Path nowhere = Files.createTempDirectory(saved.image().getParent(), "warm-up-");
    try {
      new MeasuredRun(
              saved,
              new MeasuredRun.Conditions(words, MeasuredRun.Cache.WARM, 0, 1, null),
              nowhere,
              (done, total) -> narrator.progress("Warming up", done, total))
          .restore("warm-up", RivalPlans::postcopyLinear);
    } finally {
      GuestKit.delete(nowhere);
    }
  }

  private static RunResult run(Competitor competitor, ImageLayouts layouts, MeasuredRun run)
      throws IOException {
    return switch (competitor) {
      case Competitor.Stock(String rival) -> run.restoreAsRival(rival);
      case Competitor.Handler(String name) -> {
        Path memory = layouts.memory();
        yield run.restoreByHandler(
            name, HandlerInC.compile(memory.resolveSibling("")).orElseThrow(), memory);
      }
      case Competitor.Planned(String name, Competitor.Layout layout, MeasuredRun.Planner plan) ->
          run.restore(name, layouts.of(layout), plan);
    };
  }

  private void probe(SavedSubject saved, StorageCondition storage) throws IOException {
    narrator.say("measuring the device ...");
    Path pages;
    try (Image image = Image.open(saved.image())) {
      pages = image.base().file();
    }
    DeviceCurve now = new DeviceProbe(storage).measure(pages);
    narrator.say(
        "  %.0f MB/s in sequence, %.2f ms for a single read"
            .formatted(now.bytesPerSecond() / 1e6, now.readMs()));
    files.write(storage, files.device(storage).and(now));
  }

  private List<String> method(StorageCondition storage) {
    List<String> method = new ArrayList<>(guest.subject().method());
    method.add(
        "The start of Rekindle's own JVM is not in the times; a restore that does not count goes before"
            + " the first one.");
    method.add(
        storage.cache() == MeasuredRun.Cache.COLD
            ? "Before each run its files were dropped from the page cache, and that was verified by"
                + " mincore; a run whose cache stayed warm says so in its remark."
            : "Before each run its files were read into the page cache, and that was verified by"
                + " mincore.");
    method.add(
        "Before each run free memory of the guest's size was used and freed, as a hypervisor may have"
            + " taken it.");
    method.add(
        "The competitors alternate: each round has a restore by each of them and begins with another"
            + " one. The device was measured at the beginning of each round, in the same control"
            + " group.");
    method.add(
        "The profile was recorded once from the image, with a warm cache and no throttle; a second"
            + " recording is the truth that the oracle goes by.");
    method.add(
        "Lazy and working-set fill in %,d pages a second."
            .formatted(guest.options().fillPagesPerSecond()));
    return method;
  }
}
