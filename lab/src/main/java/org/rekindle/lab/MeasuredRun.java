package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.child.GuestConsole;
import org.rekindle.image.Image;
import org.rekindle.image.MemoryMap;
import org.rekindle.responsiveness.Stall;
import org.rekindle.responsiveness.StallTimeline;
import org.rekindle.responsiveness.SteadyState;
import org.rekindle.restore.Cause;
import org.rekindle.restore.FaultLog;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Restore;
import org.rekindle.restore.RestoreThread;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Profile;

/*
 * What a run is
 *
 * Cache dropped and verified; the clock starts with the restore command, which here is the call
 * that starts the process to restore into (or, where such a process waits already, the call that has
 * it come back); beats are stamped as they come, on a thread of their own; the restore runs to its end;
 * then the guest is watched until it is back to normal, or for so long that it evidently does not come
 * back. Only then is it asked for its identity, which disturbs it.
 */

/** Restores a saved machine once, and measures how it comes back. */
final class MeasuredRun {
  /** Steady state is three windows of a second; after this it is not coming any more. */
  private static final long WATCH_NS = 15_000_000_000L;

  private static final Duration NEXT_BEAT = Duration.ofSeconds(60);

  /**
   * The machine that was saved, and what it was like.
   *
   * @param subject what was saved
   * @param identity by which it is recognised
   * @param steadyState its heartbeat before it was saved
   * @param truth the pages that it touches, recorded independently of the profile
   */
  record Saved(Subject subject, String identity, SteadyState steadyState, Profile truth) {}

  private final Saved saved;
  private final String storage;
  private final Path out;
  private final Image.Progress progress;

  /**
   * @param storage the storage condition in a few words
   * @param out where fault logs go
   */
  MeasuredRun(Saved saved, String storage, Path out, Image.Progress progress) {
    this.saved = saved;
    this.storage = storage;
    this.out = out;
    this.progress = progress;
  }

  /** Restores by a strategy of ours. */
  RunResult restore(Path directory, Strategy strategy, Strategy.Options options)
      throws IOException {
    ColdCache.Result cache = ColdCache.drop(List.of(directory));
    long startNs = System.nanoTime();
    try (Subject.Returning machine = saved.subject().startForRestore(Subject.Purpose.RUN)) {
      return restore(machine, commandNs(startNs), cache, directory, strategy, options);
    }
  }

  /** When the restore is commanded: before the start of the process, or now that it waits. */
  private long commandNs(long startNs) {
    return saved.subject().waitsForRestore() ? System.nanoTime() : startNs;
  }

  private RunResult restore(
      Subject.Returning machine,
      long commandNs,
      ColdCache.Result cache,
      Path directory,
      Strategy strategy,
      Strategy.Options options)
      throws IOException {
    try (Image image = Image.open(directory)) {
      Restore restore = new Restore(image, machine.connect(image), strategy.plan(image, options));
      Outcome outcome =
          machine.settled(
              RestoreThread.run(restore, Long.MAX_VALUE, image.memory().pages(), progress));
      Double blockedMs = machine.blockedMs();
      List<FaultRow> rows = rows(outcome.faults(), image.memory(), commandNs);
      String log = "faults-" + strategy.label() + ".csv";
      FaultLogCsv.write(rows, out.resolve(log));
      long firstInstructionNs = outcome.firstInstructionNs() - commandNs;
      return watch(
              machine.console(),
              strategy.label(),
              commandNs,
              firstInstructionNs,
              outcome.allInNs() - commandNs)
          .with(responsiveness(firstInstructionNs, machine.vcpus(), rows))
          .with(paging(outcome))
          .with(evidence(machine, cache, log, image.memory(), blockedMs));
    }
  }

  /** Restores as the subject's rival does, from what that has saved. */
  RunResult restoreAsRival(String rival, Path file) throws IOException {
    ColdCache.Result cache = ColdCache.drop(List.of(file));
    long startNs = System.nanoTime();
    try (Subject.Returning machine = saved.subject().startForRestore(Subject.Purpose.RUN)) {
      long commandNs = commandNs(startNs);
      long firstInstructionNs = machine.restoreAsRival(file) - commandNs;
      return watch(machine.console(), rival, commandNs, firstInstructionNs, firstInstructionNs)
          .with(responsiveness(firstInstructionNs, 0, List.of()))
          .with(new RunResult.Paging(0L, 0L, null, Files.size(file), null, null, null))
          .with(evidence(machine, cache, null, null, null));
    }
  }

  /** Waits until the guest is back to normal, and tells its progress so far. */
  private RunResult watch(
      GuestConsole console, String strategy, long commandNs, long firstInstructionNs, long allInNs)
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
            new RunResult.Condition(saved.subject().description(), strategy, storage, 1))
        .with(
            new RunResult.Progress(
                firstInstructionNs / 1e6,
                (beats.getFirst().arrivalNs() - commandNs) / 1e6,
                normalNs.isPresent() ? normalNs.getAsLong() / 1e6 : null,
                allInNs / 1e6,
                saved.steadyState(),
                beats.stream().map(beat -> (beat.arrivalNs() - commandNs) / 1e6).toList()));
  }

  private static RunResult.Responsiveness responsiveness(
      long firstInstructionNs, int vcpus, List<FaultRow> rows) {
    List<Stall> stalls =
        rows.stream().map(row -> new Stall(row.arrivalNs(), row.servedNs(), row.vcpu())).toList();
    return RunResult.Responsiveness.of(StallTimeline.of(firstInstructionNs, vcpus, stalls));
  }

  private static List<FaultRow> rows(FaultLog log, MemoryMap memory, long commandNs) {
    List<FaultRow> rows = new ArrayList<>(log.size());
    for (int i = 0; i < log.size(); i++) {
      int region = memory.regionOf(log.page(i));
      rows.add(
          new FaultRow(
              log.arrivalNs(i) - commandNs,
              log.servedNs(i) - commandNs,
              memory.region(region).name(),
              log.page(i) - memory.firstPage(region),
              switch (log.cause(i)) {
                case LATE -> FaultRow.Cause.LATE;
                case DEMAND_ZERO -> FaultRow.Cause.ZERO;
                default -> FaultRow.Cause.DEMAND;
              },
              log.vcpu(i) < 0 ? FaultRow.VCPU_UNKNOWN : log.vcpu(i)));
    }
    return rows;
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

  private RunResult.Evidence evidence(
      Subject.Returning machine,
      ColdCache.Result cache,
      @Nullable String faultLog,
      @Nullable MemoryMap memory,
      @Nullable Double blocktimeMs)
      throws IOException {
    Map<String, Long> memoryBytes = new LinkedHashMap<>();
    if (memory != null) {
      memory.regions().forEach(region -> memoryBytes.put(region.name(), region.bytes()));
    }
    return new RunResult.Evidence(
        machine.identity().equals(saved.identity()),
        faultLog,
        memoryBytes,
        machine.vmmVersion(),
        blocktimeMs,
        cache.isCold() ? null : cache.toString());
  }
}
