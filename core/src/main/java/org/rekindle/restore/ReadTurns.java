package org.rekindle.restore;

import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Lets one of several restores read a block while the others wait for it: without this, restores
 * that start together would read everything once each, at the same time.
 *
 * <p>For the threads that read in bulk, not for the pager. Who has a turn gives it back when the
 * block is decoded, when its own guest holds it up, and when it ends, however that happens.
 */
final class ReadTurns {
  /**
   * Only an insurance: a disk takes 8.7 ms for an extent (at 120 MB/s and 120 reads/s), a machine
   * with all processors busy some tens of milliseconds to decode it.
   */
  private static final long PATIENCE_NS = 500_000_000;

  private final @Nullable Object[] holders;
  private int waiting;

  ReadTurns(int keys) {
    holders = new @Nullable Object[keys];
  }

  /** Takes the turn to bring a block; false if somebody else has it. */
  synchronized boolean take(int key, Object holder) {
    if (holders[key] != null) {
      return false;
    }
    holders[key] = holder;
    return true;
  }

  /** Waits until nobody has the turn to bring this block. */
  synchronized void await(int key) {
    long deadlineNs = System.nanoTime() + PATIENCE_NS;
    waiting++;
    try {
      while (holders[key] != null) {
        long leftNs = deadlineNs - System.nanoTime();
        if (leftNs <= 0) {
          holders[key] = null;
          return;
        }
        TimeUnit.NANOSECONDS.timedWait(this, leftNs);
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      holders[key] = null;
    } finally {
      waiting--;
    }
  }

  /** The block is there, or will not come from this holder; nothing if the turn is not his. */
  @SuppressWarnings("ReferenceEquality") // a holder is an identity
  synchronized void end(int key, Object holder) {
    if (holders[key] == holder) {
      holders[key] = null;
      if (waiting > 0) {
        notifyAll();
      }
    }
  }

  synchronized boolean isTaken(int key) {
    return holders[key] != null;
  }
}
