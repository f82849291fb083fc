package org.rekindle.cli;

import java.io.IOException;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.rekindle.image.MemoryMap;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Restore;

/** Carries out a restore on a thread of its own, while the calling one shows how far it is. */
final class PagerThread {
  /** How often the progress is looked at: as often as it can be drawn. */
  private static final long LOOK_MS = 100;

  private PagerThread() {}

  /**
   * Runs a restore to its end, or until the guest has run for so long.
   *
   * @throws InterruptedException if this thread was interrupted; the restore has ended then
   */
  static Outcome run(Restore restore, long atMostRunningNs, long totalPages, Progress progress)
      throws IOException, InterruptedException {
    FutureTask<Outcome> task = new FutureTask<>(() -> restore.run(atMostRunningNs));
    Thread pager = Thread.ofPlatform().name("rekindle-pager").start(task);
    try {
      while (true) {
        try {
          return task.get(LOOK_MS, TimeUnit.MILLISECONDS);
        } catch (TimeoutException notYet) {
          progress.bytes(
              restore.tally().placed() * MemoryMap.PAGE_BYTES, totalPages * MemoryMap.PAGE_BYTES);
        }
      }
    } catch (ExecutionException failed) {
      switch (failed.getCause()) {
        case IOException io -> throw io;
        case CancellationException cancelled -> throw new InterruptedException();
        case RuntimeException runtime -> throw runtime;
        case null, default -> throw new IllegalStateException("the pager failed", failed);
      }
    } catch (InterruptedException interrupted) {
      restore.cancel();
      pager.join();
      throw interrupted;
    }
  }
}
