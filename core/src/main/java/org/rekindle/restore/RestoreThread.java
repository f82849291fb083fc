package org.rekindle.restore;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.rekindle.image.Image;
import org.rekindle.image.MemoryMap;

/** Runs a restore on a thread of its own, so that the calling one can be interrupted. */
public final class RestoreThread {
  /** How often the progress is looked at: as often as a person sees it. */
  private static final long LOOK_MS = 100;

  private RestoreThread() {}

  /**
   * Runs a restore to its end, or until the guest has run for so long.
   *
   * @param totalPages for the progress; 0 if the restore will not bring all
   * @throws InterruptedIOException if this thread was interrupted; the restore has ended then
   */
  public static Outcome run(
      Restore restore, long atMostRunningNs, long totalPages, Image.Progress progress)
      throws IOException {
    FutureTask<Outcome> task = new FutureTask<>(() -> restore.run(atMostRunningNs));
    Thread pager = Thread.ofPlatform().name("rekindle-pager").start(task);
    try {
      while (true) {
        try {
          return task.get(LOOK_MS, TimeUnit.MILLISECONDS);
        } catch (TimeoutException underWay) {
          progress.update(
              restore.tally().placed() * MemoryMap.PAGE_BYTES, totalPages * MemoryMap.PAGE_BYTES);
        }
      }
    } catch (ExecutionException failed) {
      switch (failed.getCause()) {
        case IOException io -> throw io;
        case RuntimeException runtime -> throw runtime;
        case null, default -> throw new IOException("the restore failed", failed);
      }
    } catch (InterruptedException interrupted) {
      restore.cancel();
      awaitEnd(pager);
      Thread.currentThread().interrupt();
      throw (IOException)
          new InterruptedIOException("interrupted during a restore").initCause(interrupted);
    }
  }

  /** A cancelled restore ends within a tenth of a second; the guest must not be closed before. */
  private static void awaitEnd(Thread pager) {
    boolean ended = false;
    while (!ended) {
      try {
        ended = pager.join(Duration.ofSeconds(1));
      } catch (InterruptedException again) {
        // It has been noted.
      }
    }
  }
}
