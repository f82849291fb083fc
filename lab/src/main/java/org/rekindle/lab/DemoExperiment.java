package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rekindle.restore.Strategy;
import org.rekindle.scope.Scope;

/**
 * The demo: a real guest is saved in steady state, recorded, and restored in every way, each time
 * from a cold cache and the same modest disk.
 *
 * <p>Everything that it starts or writes beside its results is gone when {@link #run} has returned
 * or thrown; interrupting its thread ends it soon.
 */
public final class DemoExperiment {
  /** The image and each rival's file are not larger than the memory; and some room. */
  private static final int SPARE_MEMORIES = 1;

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
      SavedSubject saved = new Preparation(settings.subject(), narrator).saveIn(work);

      String storage;
      @Nullable String throttle;
      switch (DiskThrottle.apply(saved.image(), settings.limits())) {
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
      List<RunResult> runs = restoreAll(saved, storage, work);
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
    Subject subject = settings.subject();
    long neededMiB = (long) (SPARE_MEMORIES + subject.rivals().size()) * subject.memoryMiB();
    long usableMiB = Files.getFileStore(out).getUsableSpace() >> 20;
    if (usableMiB < neededMiB) {
      throw new IOException(
          "%s has %d MiB of space left; the demo needs %d".formatted(out, usableMiB, neededMiB));
    }
  }

  private List<RunResult> restoreAll(SavedSubject saved, String storage, Path work)
      throws IOException {
    List<RunResult> runs = new ArrayList<>();
    for (String rival : saved.rivals().keySet()) {
      runs.add(said(run(saved, storage, work, rival).restoreAsRival(rival)));
    }
    for (Strategy strategy : Strategy.values()) {
      MeasuredRun run = run(saved, storage, work, strategy.label());
      runs.add(
          said(run.restore(strategy.label(), image -> strategy.plan(image, settings.options()))));
    }
    return runs;
  }

  private MeasuredRun run(SavedSubject saved, String storage, Path out, String strategy) {
    narrator.say("restoring, " + strategy + " ...");
    return new MeasuredRun(
        saved,
        MeasuredRun.Conditions.cold(storage),
        out,
        (done, total) -> narrator.progress("Restoring, " + strategy, done, total));
  }

  private RunResult said(RunResult run) {
    narrator.say("  " + RunTable.sentence(run));
    return run;
  }

  private List<String> method() throws IOException {
    Subject subject = settings.subject();
    List<String> method = new ArrayList<>(subject.method());
    String rivals = String.join(", ", subject.rivals());
    String files = rivals.isEmpty() ? "the image" : "the image (or the file of " + rivals + ")";
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
            .formatted(rivals.isEmpty() ? "" : rivals + ", then "));
    return method;
  }
}
