package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.child.GuestConsole;
import org.rekindle.image.Image;
import org.rekindle.responsiveness.SteadyState;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Recording;
import org.rekindle.restore.Restore;
import org.rekindle.restore.RestoreThread;
import org.rekindle.restore.Strategy;
import org.rekindle.scope.Scope;
import org.rekindle.workingset.Profile;

/**
 * The demo: a real guest is saved in steady state, recorded, and restored in every way, each time
 * from a cold cache and the same modest disk.
 *
 * <p>Everything that it starts or writes beside its results is gone when {@link #run} has returned
 * or thrown; interrupting its thread ends it soon.
 */
public final class DemoExperiment {
  private static final Duration BOOT = Duration.ofMinutes(5);
  private static final Duration MONITOR = Duration.ofSeconds(30);

  /** Rates are taken over windows of a second: this many seconds of steady state. */
  private static final int STEADY_SECONDS = 5;

  /**
   * What each fault, one at a time and from a warm cache, adds to the time of a pass: 120 us here,
   * with QEMU; and as much again.
   */
  private static final long FAULT_NS = 240_000;

  /** The image, the stock stream, and some room. */
  private static final int DISK_SPACE_PER_MEMORY = 2;

  /**
   * What to do.
   *
   * @param subject the guest
   * @param out where the results go; made if missing
   * @param limits how fast the disk shall be
   * @param options of the strategies
   * @param rekindleVersion for the results
   */
  public record Settings(
      Subject subject,
      Path out,
      DiskThrottle.Limits limits,
      Strategy.Options options,
      String rekindleVersion) {
    /** The demo with QEMU as it is documented. */
    public static Settings qemu(GuestKit kit, Path out, String rekindleVersion) {
      return demo(
          DemoMachine.demo(kit), Strategy.PAPER_FILL_PAGES_PER_SECOND, out, rekindleVersion);
    }

    /**
     * The demo with a process as it is documented. Its guest has a quarter of the memory, and is
     * filled twice as fast: 8 s, so that the whole demo stays under a minute.
     */
    public static Settings process(Path out, String rekindleVersion) {
      int fillPagesPerSecond = 2 * Strategy.PAPER_FILL_PAGES_PER_SECOND;
      return demo(DemoProcess.demo(), fillPagesPerSecond, out, rekindleVersion);
    }

    private static Settings demo(
        Subject subject, int fillPagesPerSecond, Path out, String rekindleVersion) {
      return new Settings(
          subject,
          out,
          DiskThrottle.Limits.DISK,
          new Strategy.Options(fillPagesPerSecond, Integer.MAX_VALUE),
          rekindleVersion);
    }
  }

  /** Hears what is going on, on the thread that runs the experiment. */
  public interface Narrator {
    /** A step begins or has ended. */
    void say(String line);

    /**
     * How far a step is, some times a second.
     *
     * @param totalBytes 0 if not known
     */
    void progress(String what, long doneBytes, long totalBytes);
  }

  private final Settings settings;
  private final Narrator narrator;

  public DemoExperiment(Settings settings, Narrator narrator) {
    this.settings = settings;
    this.narrator = narrator;
  }

  /**
   * Runs it, and writes {@code results.json} and the fault logs.
   *
   * @return the runs, in their order
   */
  public List<RunResult> run() throws IOException {
    Path out = Files.createDirectories(settings.out()).toRealPath();
    requireSpace(out);
    try (Scope scope = new Scope()) {
      Path work = Files.createTempDirectory(out, "work-");
      scope.add(() -> GuestKit.delete(work));
      Path image = work.resolve("guest.rekindle");
      Path rivalFile = work.resolve("guest.rival");
      MeasuredRun.Saved saved = prepare(image, rivalFile);

      String storage;
      @Nullable String throttle;
      switch (DiskThrottle.apply(image, settings.limits())) {
        case DiskThrottle.Outcome.Throttled(DiskThrottle slow) -> {
          scope.add(slow);
          throttle = "read limits of a control group: " + slow;
          storage = "disk of " + slow.limits();
        }
        case DiskThrottle.Outcome.Unthrottled(String reason) -> {
          throttle = null;
          storage = "disk as it is";
          narrator.say("the disk is NOT slowed down, so results vary with it: " + reason);
        }
      }
      List<RunResult> runs = restoreAll(saved, storage, work, image, rivalFile);
      for (RunResult run : runs) {
        String log = run.evidence().faultLog();
        if (log != null) {
          Files.move(work.resolve(log), out.resolve(log), StandardCopyOption.REPLACE_EXISTING);
        }
      }
      Results.write(
          Environment.here(
              storage + " (" + Files.getFileStore(out).type() + ")",
              throttle,
              settings.rekindleVersion(),
              method()),
          runs,
          out.resolve("results.json"));
      return runs;
    }
  }

  private void requireSpace(Path out) throws IOException {
    long neededMiB = (long) DISK_SPACE_PER_MEMORY * settings.subject().memoryMiB();
    long usableMiB = Files.getFileStore(out).getUsableSpace() >> 20;
    if (usableMiB < neededMiB) {
      throw new IOException(
          "%s has %d MiB of space left; the demo needs %d".formatted(out, usableMiB, neededMiB));
    }
  }

  /** Boots, saves and records; the image has its profile afterwards. */
  private MeasuredRun.Saved prepare(Path image, Path rivalFile) throws IOException {
    Subject subject = settings.subject();
    narrator.say("booting the guest: " + subject.description() + " ...");
    String identity;
    SteadyState steadyState;
    try (Subject.Running running = subject.start()) {
      narrator.say("  " + running.awaitReady());
      identity = running.identity();
      narrator.say("waiting for its steady state: one pass over the working set, then 5 s ...");
      steadyState = steadyState(running.console());
      narrator.say(
          "  %.1f heartbeats/s, standard deviation %.1f"
              .formatted(steadyState.beatsPerSecond(), steadyState.deviation()));
      if (subject.rival().isPresent()) {
        saveAsRival(subject.rival().get(), running, rivalFile);
      }
      save(running, image);
    }
    narrator.say("recording which pages it touches, in a throw-away clone ...");
    long recordingNs = recordingNs(steadyState);
    Profile profile = record(image, Subject.Purpose.CLONE, recordingNs);
    narrator.say(
        "  %,d pages (%d MiB); recording once more, as independent truth ..."
            .formatted(profile.size(), profile.size() >> 8));
    Image.attach(image, profile);
    Profile truth = record(image, Subject.Purpose.TRUTH, recordingNs);
    return new MeasuredRun.Saved(subject, identity, steadyState, truth);
  }

  private SteadyState steadyState(GuestConsole console) throws IOException {
    int warm = console.beats().size() + settings.subject().beatsPerPass();
    long fromNs = console.awaitBeats(warm, BOOT).arrivalNs();
    List<GuestConsole.Beat> beats = console.beats();
    while (beats.getLast().arrivalNs() - fromNs <= STEADY_SECONDS * 1_000_000_000L) {
      console.awaitBeats(beats.size() + 1, MONITOR);
      beats = console.beats();
    }
    long[] beatsNs = beats.stream().skip(warm).mapToLong(GuestConsole.Beat::arrivalNs).toArray();
    return SteadyState.of(beatsNs, SteadyState.WINDOW_NS)
        .orElseThrow(() -> new IOException("the guest's heartbeat is slower than one a second"));
  }

  private void saveAsRival(String rival, Subject.Running running, Path file) throws IOException {
    narrator.say("saving it as " + rival + " does ...");
    Duration elapsed = running.saveAsRival(file);
    narrator.say("  %.1f s, %d MiB".formatted(elapsed.toMillis() / 1e3, Files.size(file) >> 20));
    // Back to what it was before it is saved again.
    running.console().awaitBeats(running.console().beats().size() + 1, MONITOR);
  }

  private void save(Subject.Running running, Path image) throws IOException {
    narrator.say("saving it as a Rekindle image ...");
    Subject.Saved result =
        running.save(image, (done, total) -> narrator.progress("Saving", done, total));
    narrator.say(
        "  %.1f s, %d MiB; the guest stood still for %.1f s"
            .formatted(result.elapsedNs() / 1e9, result.imageBytes() >> 20, result.stopNs() / 1e9));
  }

  /** One pass over the working set and a half, so that each of its pages is touched. */
  private long recordingNs(SteadyState steadyState) {
    Subject subject = settings.subject();
    return FAULT_NS * subject.workingSetPages()
        + Math.round(1.5e9 * subject.beatsPerPass() / steadyState.beatsPerSecond());
  }

  private Profile record(Path directory, Subject.Purpose purpose, long recordingNs)
      throws IOException {
    try (Image image = Image.open(directory);
        Subject.Returning clone = settings.subject().startForRestore(purpose)) {
      Restore restore = new Restore(image, clone.connect(image), Strategy.recording(image));
      Outcome outcome =
          RestoreThread.run(
              restore, recordingNs, 0, (done, _) -> narrator.progress("Recording", done, 0));
      return Recording.profile(outcome);
    }
  }

  private List<RunResult> restoreAll(
      MeasuredRun.Saved saved, String storage, Path work, Path image, Path rivalFile)
      throws IOException {
    List<RunResult> runs = new ArrayList<>();
    if (settings.subject().rival().isPresent()) {
      String rival = settings.subject().rival().get();
      runs.add(said(run(saved, storage, work, rival).restoreAsRival(rival, rivalFile)));
    }
    for (Strategy strategy : Strategy.values()) {
      MeasuredRun run = run(saved, storage, work, strategy.label());
      runs.add(said(run.restore(image, strategy, settings.options())));
    }
    return runs;
  }

  private MeasuredRun run(MeasuredRun.Saved saved, String storage, Path out, String strategy) {
    narrator.say("restoring, " + strategy + " ...");
    return new MeasuredRun(
        saved,
        storage,
        out,
        (done, total) -> narrator.progress("Restoring, " + strategy, done, total));
  }

  private RunResult said(RunResult run) {
    narrator.say("  " + RunTable.sentence(run));
    return run;
  }

  private List<String> method() {
    Subject subject = settings.subject();
    List<String> method = new ArrayList<>(subject.method());
    String files =
        subject
            .rival()
            .map(rival -> "the image (or the file of " + rival + ")")
            .orElse("the image");
    method.add("The start of Rekindle's own JVM is not in the times.");
    method.add(
        "Before each run "
            + files
            + " was dropped from the page cache, and that was verified by mincore; a run whose cache"
            + " stayed warm says so in its remark.");
    method.add(
        "The profile was recorded once from the image, with a warm cache and no throttle; a second"
            + " recording tells which prefetched pages were used.");
    method.add(
        "Lazy and working-set fill in %,d pages a second."
            .formatted(settings.options().fillPagesPerSecond()));
    method.add(
        "Order: %sthe strategies from eager to adaptive, one run each."
            .formatted(subject.rival().map(rival -> rival + ", then ").orElse("")));
    return method;
  }
}
