package org.rekindle.lab.bench;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.image.MemoryMap;
import org.rekindle.lab.ColdCache;
import org.rekindle.lab.DiskThrottle;
import org.rekindle.lab.HostMemory;
import org.rekindle.lab.SavedSubject;
import org.rekindle.lab.Subject;
import org.rekindle.responsiveness.Stall;
import org.rekindle.responsiveness.StallTimeline;
import org.rekindle.restore.DecodedBlocks;
import org.rekindle.restore.FaultLog;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Restore;
import org.rekindle.restore.RestoreThread;
import org.rekindle.restore.Strategy;
import org.rekindle.scope.Scope;

/**
 * Many guests from one image at once, as {@code rekindle restore --uffd} makes them: they share
 * what one of them has read and decoded. Whether the device is used as well as by one of them
 * alone.
 */
final class Crowd {
  /** What the restore command shares among guests of one image. */
  private static final long SHARED_BYTES = 256L << 20;

  private final SavedSubject saved;
  private final StorageCondition storage;
  private final Strategy.Options options;

  Crowd(SavedSubject saved, StorageCondition storage, Strategy.Options options) {
    this.saved = saved;
    this.storage = storage;
    this.options = options;
  }

  /** Restores so many at once, adaptively, and waits until the last page of the last one is in. */
  Wave restore(int guests, int round, @Nullable DiskThrottle group) throws IOException {
    try (Scope scope = new Scope()) {
      Image image = scope.add(Image.open(saved.image()));
      List<Subject.Returning> machines = new ArrayList<>();
      for (int i = 0; i < guests; i++) {
        machines.add(scope.add(saved.subject().startForRestore(Subject.Purpose.RUN)));
      }
      DecodedBlocks shared = scope.add(new DecodedBlocks(image, SHARED_BYTES));
      ColdCache.drop(List.of(saved.image()));
      HostMemory.touch(((long) guests * saved.subject().memoryMiB()) << 20);
      DiskThrottle.Usage before = group == null ? null : group.usage();
      long commandNs = System.nanoTime();
      List<Outcome> outcomes = restoreAll(image, machines, shared);
      DiskThrottle.Usage after = group == null ? null : group.usage();
      int identical = 0;
      for (Subject.Returning machine : machines) {
        identical += machine.identity().equals(saved.identity()) ? 1 : 0;
      }
      return new Wave(
          storage.label(),
          guests,
          round,
          outcomes.stream().map(each -> ttrMs(each, commandNs)).toList(),
          (outcomes.stream().mapToLong(Outcome::allInNs).max().orElse(commandNs) - commandNs) / 1e6,
          outcomes.stream().mapToLong(Crowd::placedBytes).sum(),
          outcomes.stream().mapToLong(Outcome::bytesRead).sum(),
          before == null || after == null ? null : (Long) (after.bytes() - before.bytes()),
          identical);
    }
  }

  private List<Outcome> restoreAll(
      Image image, List<Subject.Returning> machines, DecodedBlocks shared) throws IOException {
    List<Callable<Outcome>> restores = new ArrayList<>();
    for (Subject.Returning machine : machines) {
      restores.add(() -> {
        Restore restore =
            new Restore(
                image, machine.connect(image), Strategy.ADAPTIVE.plan(image, options), shared);
        return machine.settled(
            RestoreThread.run(restore, Long.MAX_VALUE, image.memory().pages(), (_, _) -> {}));
      });
    }
    List<Outcome> outcomes = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(machines.size())) {
      for (Future<Outcome> each : threads.invokeAll(restores)) {
        outcomes.add(each.get());
      }
      return outcomes;
    } catch (ExecutionException failed) {
      throw failed.getCause() instanceof IOException io
          ? io
          : new IOException("one of %d restores failed".formatted(machines.size()), failed);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw (IOException)
          new InterruptedIOException("interrupted during a wave of restores")
              .initCause(interrupted);
    }
  }

  private static double ttrMs(Outcome outcome, long commandNs) {
    FaultLog log = outcome.faults();
    List<Stall> stalls = new ArrayList<>();
    for (int i = 0; i < log.size(); i++) {
      stalls.add(new Stall(log.arrivalNs(i) - commandNs, log.servedNs(i) - commandNs));
    }
    return StallTimeline.perGuest(outcome.firstInstructionNs() - commandNs, stalls)
            .ttr(1_000_000_000)
            .ttrNs(0.9)
        / 1e6;
  }

  private static long placedBytes(Outcome outcome) {
    return (outcome.tally().placed() - outcome.tally().zeroPages()) * MemoryMap.PAGE_BYTES;
  }
}
