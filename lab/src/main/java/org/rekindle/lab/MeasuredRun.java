package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.child.GuestConsole;
import org.rekindle.image.Image;
import org.rekindle.image.MemoryMap;
import org.rekindle.responsiveness.Stall;
import org.rekindle.responsiveness.StallTimeline;
import org.rekindle.restore.BlockSource;
import org.rekindle.restore.Cause;
import org.rekindle.restore.Guest;
import org.rekindle.restore.GuestGoneException;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Restore;
import org.rekindle.restore.RestoreThread;
import org.rekindle.restore.Strategy;

/*
 * What a run is
 *
 * A rehearsal: the process to restore into is started and connected to, and ended. A kernel that
 * pages out what has not been used for a while (DAMON) has taken parts of the VMM and of ours, most of all
 * after a restore that filled slowly for a minute, and the next one would page them in from the disk that
 * is slowed down for it: up to 550 reads and 4.5 s in runs that were measured without.
 *
 * Cache dropped and verified, and free memory really there (HostMemory); the clock starts with the restore command, which here is the call
 * that starts the process to restore into (or, where such a process waits already, the call that has
 * it come back); beats are stamped as they come, on a thread of their own; the restore runs to its end;
 * then the guest is watched until it is back to normal, or for so long that it evidently does not come
 * back. Only then is it asked for its identity, which disturbs it.
 */

/** Restores a saved subject once, and measures how it comes back. */
public final class MeasuredRun {
  /** Steady state is three windows of a second; after this it is not coming any more. */
  private static final long WATCH_NS = 15_000_000_000L;

  /** What the pager and the VMM need beside the guest's memory, generously. */
  private static final long BUFFER_BYTES = 128 << 20;

  private static final Duration NEXT_BEAT = Duration.ofSeconds(60);

  /**
   * What it is restored from.
   *
   * @param storage in a few words
   * @param cache whether its files are in the page cache before
   * @param firstByteNs how long each read waits beside what the device takes; only for our pager
   * @param repetition from 1
   * @param group whose use of the device is measured; null if it is not
   */
  public record Conditions(
      String storage, Cache cache, long firstByteNs, int repetition, @Nullable DiskThrottle group) {
    /** A first run from a cold cache. */
    static Conditions cold(String storage) {
      return new Conditions(storage, Cache.COLD, 0, 1, null);
    }
  }

  /** What is in the page cache of the files that are restored from. */
  public enum Cache {
    /** Nothing, and that is verified. */
    COLD,
    /** All. */
    WARM
  }

  /** Makes the plan of a restore. */
  @FunctionalInterface
  public interface Planner {
    Plan plan(Image image);
  }

  private final SavedSubject saved;
  private final Conditions conditions;
  private final Path out;
  private final Image.Progress progress;

  /**
   * @param out where fault logs go
   */
  public MeasuredRun(SavedSubject saved, Conditions conditions, Path out, Image.Progress progress) {
    this.saved = saved;
    this.conditions = conditions;
    this.out = out;
    this.progress = progress;
  }

  /** Restores the subject's image with our pager. */
  public RunResult restore(String strategy, Planner planner) throws IOException {
    return restore(strategy, saved.image(), planner);
  }

  /** Restores one of the subject's images with our pager. */
  public RunResult restore(String strategy, Path directory, Planner planner) throws IOException {
    rehearse(directory, planner);
    @Nullable String remark = prepareMemory(directory);
    CostMeter meter = CostMeter.start(conditions.group());
    long startNs = System.nanoTime();
    try (Subject.Returning machine = saved.subject().startForRestore(Subject.Purpose.RUN);
        Image image = Image.open(directory)) {
      long openedNs = System.nanoTime();
      long commandNs = commandNs(startNs, meter, machine);
      Restore restore = restore(image, machine.connect(image), planner.plan(image));
      RunResult.Opening opening = meter.opening(machine.pid(), (openedNs - commandNs) / 1e6);
      double restoringFromMs = (System.nanoTime() - commandNs) / 1e6;
      Outcome outcome = machine.settled(run(restore, image, machine));
      RunResult.Cost cost = meter.stop(machine.pid());
      Double blockedMs = machine.blockedMs();
      List<FaultRow> rows = FaultRow.of(outcome.faults(), image.memory(), commandNs);
      String log = faultLog(strategy);
      FaultLogCsv.write(rows, out.resolve(log));
      long firstInstructionNs = outcome.firstInstructionNs() - commandNs;
      return watch(machine.console(), strategy, commandNs, firstInstructionNs)
          .restored(restoringFromMs, (outcome.allInNs() - commandNs) / 1e6)
          .with(opening)
          .with(responsiveness(firstInstructionNs, machine.vcpus(), rows))
          .with(paging(outcome))
          .with(cost)
          .with(evidence(machine, remark, log, image.memory(), blockedMs));
    }
  }

  private Outcome run(Restore restore, Image image, Subject.Returning machine) throws IOException {
    try {
      return RestoreThread.run(restore, Long.MAX_VALUE, image.memory().pages(), progress);
    } catch (GuestGoneException gone) {
      throw machine.explained(gone);
    }
  }

  /** For a restore that is not ours, but of the same programs. */
  private void rehearse() throws IOException {
    rehearse(saved.image(), image -> Strategy.EAGER.plan(image, Strategy.Options.DEFAULT));
  }

  /** Has all programs in memory that a restore needs. */
  private void rehearse(Path directory, Planner planner) throws IOException {
    try (Subject.Returning machine = saved.subject().startForRestore(Subject.Purpose.RUN);
        Image image = Image.open(directory)) {
      machine.connect(image);
      planner.plan(image);
    }
  }

  private Restore restore(Image image, Guest guest, Plan plan) {
    return conditions.firstByteNs() == 0
        ? new Restore(image, guest, plan)
        : new Restore(
            image.base(),
            guest,
            plan,
            BlockSource.files(image, plan, this::awaitFirstByte),
            System::nanoTime);
  }

  /** On a reader's thread, which others unpark at any time. */
  private void awaitFirstByte() {
    long untilNs = System.nanoTime() + conditions.firstByteNs();
    for (long leftNs = untilNs - System.nanoTime();
        leftNs > 0;
        leftNs = untilNs - System.nanoTime()) {
      LockSupport.parkNanos(this, leftNs);
    }
  }

  private String faultLog(String strategy) {
    String repetition = conditions.repetition() == 1 ? "" : "-" + conditions.repetition();
    return "faults-" + Preparation.fileName(strategy) + repetition + ".csv";
  }

  /** Restores as one of the subject's rivals does, from what that has saved. */
  public RunResult restoreAsRival(String rival) throws IOException {
    Path file = Objects.requireNonNull(saved.rivals().get(rival), rival);
    rehearse();
    @Nullable String remark = prepareMemory(file);
    CostMeter meter = CostMeter.start(conditions.group());
    long startNs = System.nanoTime();
    try (Subject.Returning machine = saved.subject().startForRestore(Subject.Purpose.RUN)) {
      long commandNs = commandNs(startNs, meter, machine);
      long firstInstructionNs = machine.restoreAsRival(rival, file) - commandNs;
      RunResult.Cost cost = meter.stop(machine.pid());
      return watch(machine.console(), rival, commandNs, firstInstructionNs)
          .restored(null, firstInstructionNs / 1e6)
          .with(responsiveness(firstInstructionNs, 0, List.of()))
          .with(new RunResult.Paging(0L, 0L, null, Files.size(file), null, null, null))
          .with(cost)
          .with(evidence(machine, remark, null, null, null));
    }
  }

  /**
   * Restores by a handler that is not ours, which knows the pages and nothing else.
   *
   * @param memory the subject's memory as a file, region after region
   */
  public RunResult restoreByHandler(String name, HandlerInC handler, Path memory)
      throws IOException {
    rehearse();
    @Nullable String remark = prepareMemory(memory);
    CostMeter meter = CostMeter.start(conditions.group());
    try (HandlerInC.Session session = handler.serve(memory);
        Image image = Image.open(saved.image())) {
      long startNs = System.nanoTime();
      long commandNs;
      long firstInstructionNs;
      long untilNs;
      RunResult run;
      try (Subject.Returning machine = saved.subject().startForRestore(Subject.Purpose.RUN)) {
        commandNs = commandNs(startNs, meter, machine);
        firstInstructionNs = machine.restoreByHandler(image, session.socket()) - commandNs;
        run = watch(machine.console(), name, commandNs, firstInstructionNs);
        untilNs = System.nanoTime();
        run =
            run.with(meter.stop(machine.pid()))
                .with(evidence(machine, remark, faultLog(name), image.memory(), null));
      }
      List<FaultRow> rows = session.faults(image.memory().region(0).name(), commandNs, untilNs);
      FaultLogCsv.write(rows, out.resolve(faultLog(name)));
      return run.with(responsiveness(firstInstructionNs, 0, rows))
          .with(new RunResult.Paging((long) rows.size(), 0L, null, null, null, null, null));
    }
  }

  /**
   * Drops or reads the files, and has free memory; what a reader of the results should know, if
   * that failed.
   */
  private @Nullable String prepareMemory(Path files) throws IOException {
    @Nullable String remark =
        switch (conditions.cache()) {
          case COLD -> {
            ColdCache.Result cache = ColdCache.drop(List.of(files));
            yield cache.isCold() ? null : cache.toString();
          }
          case WARM -> WarmCache.fill(files);
        };
    HostMemory.touch(((long) saved.subject().memoryMiB() << 20) + BUFFER_BYTES);
    return remark;
  }

  /** When the restore is commanded: before the start of the process, or now that it waits. */
  private long commandNs(long startNs, CostMeter meter, Subject.Returning machine)
      throws IOException {
    if (!saved.subject().waitsForRestore()) {
      return startNs;
    }
    meter.ignoreUntilNow(machine.pid());
    return System.nanoTime();
  }

  /** Waits until the guest is back to normal, and tells its progress so far. */
  private RunResult watch(
      GuestConsole console, String strategy, long commandNs, long firstInstructionNs)
      throws IOException {
    long deadlineNs = System.nanoTime() + WATCH_NS;
    List<GuestConsole.Beat> beats = console.beats();
    OptionalLong normalNs = OptionalLong.empty();
    while (normalNs.isEmpty() && System.nanoTime() < deadlineNs) {
      console.awaitBeats(beats.size() + 1, NEXT_BEAT);
      beats = console.beats();
      long[] sinceCommandNs =
          beats.stream().mapToLong(beat -> beat.arrivalNs() - commandNs).toArray();
      normalNs = saved.steadyState().backToNormalNs(sinceCommandNs, System.nanoTime() - commandNs);
    }
    return RunResult.of(
            new RunResult.Condition(
                saved.subject().description(),
                strategy,
                conditions.storage(),
                conditions.repetition()))
        .with(
            new RunResult.Progress(
                null,
                firstInstructionNs / 1e6,
                (beats.getFirst().arrivalNs() - commandNs) / 1e6,
                normalNs.isPresent() ? normalNs.getAsLong() / 1e6 : null,
                null,
                saved.steadyState(),
                beats.stream().map(beat -> (beat.arrivalNs() - commandNs) / 1e6).toList()));
  }

  private static RunResult.Responsiveness responsiveness(
      long firstInstructionNs, int vcpus, List<FaultRow> rows) {
    List<Stall> stalls =
        rows.stream().map(row -> new Stall(row.arrivalNs(), row.servedNs(), row.vcpu())).toList();
    return RunResult.Responsiveness.of(StallTimeline.of(firstInstructionNs, vcpus, stalls));
  }

  private RunResult.Paging paging(Outcome outcome) {
    BitSet used = new BitSet();
    for (int page : saved.truth().pages()) {
      used.set(page);
    }
    for (int i = 0; i < outcome.faults().size(); i++) {
      used.set(outcome.faults().page(i)); // a late fault is a touch of a prefetched page
    }
    used.and(outcome.prefetched());
    return new RunResult.Paging(
        (long) outcome.demandFaults(),
        (long) (outcome.faults().size() - outcome.demandFaults()),
        outcome.tally().zeroPages(),
        outcome.bytesRead(),
        outcome.reads(),
        outcome.tally().placed(Cause.PREFETCH),
        (long) used.cardinality());
  }

  /** Null where the guest can only tell that it is the one that was saved. */
  private @Nullable Boolean memoryIdentical(Subject.Returning machine) throws IOException {
    boolean isTheSame = machine.identity().equals(saved.identity());
    return (isTheSame && !saved.subject().identityCoversMemory()) ? null : (Boolean) isTheSame;
  }

  private RunResult.Evidence evidence(
      Subject.Returning machine,
      @Nullable String remark,
      @Nullable String faultLog,
      @Nullable MemoryMap memory,
      @Nullable Double blocktimeMs)
      throws IOException {
    Map<String, Long> memoryBytes = new LinkedHashMap<>();
    if (memory != null) {
      memory.regions().forEach(region -> memoryBytes.put(region.name(), region.bytes()));
    }
    return new RunResult.Evidence(
        memoryIdentical(machine), faultLog, memoryBytes, machine.vmmVersion(), blocktimeMs, remark);
  }
}
