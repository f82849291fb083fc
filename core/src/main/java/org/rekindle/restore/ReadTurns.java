package org.rekindle.restore;

import java.util.concurrent.TimeUnit;

/**
 * Lets one of several restores read a block while the others wait for it: without this, restores
 * that start together would read everything once each, at the same time.
 *
 * <p>For the threads that read in bulk, not for the pager. A wait is bounded: who has the turn may
 * be held up by a slow guest, or may have failed.
 */
final class ReadTurns {
  /**
   * Twice what a disk takes for an extent (8.7 ms at 120 MB/s and 120 reads/s). A restore that
   * stands still has the turn for three extents at most, so it costs each other one 60 ms, once.
   */
  private static final long PATIENCE_NS = 20_000_000;

  private static final byte FREE = 0;
  private static final byte TAKEN = 1;

  private final byte[] turns;
  private int waiting;

  ReadTurns(int keys) {
    turns = new byte[keys];
  }

  /** Whether somebody is about to bring this block. */
  synchronized boolean isTaken(int key) {
    return turns[key] == TAKEN;
  }

  /** Waits until nobody is reading this block any more, or the patience is over. */
  synchronized void await(int key) {
    long deadlineNs = System.nanoTime() + PATIENCE_NS;
    waiting++;
    try {
      while (turns[key] == TAKEN) {
        long leftNs = deadlineNs - System.nanoTime();
        if (leftNs <= 0) {
          turns[key] = FREE; // nobody else shall wait for it as well
          return;
        }
        TimeUnit.NANOSECONDS.timedWait(this, leftNs);
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    } finally {
      waiting--;
    }
  }

  synchronized void take(int key) {
    turns[key] = TAKEN;
  }

  /** The block is there, or will not come. */
  synchronized void end(int key) {
    turns[key] = FREE;
    if (waiting > 0) {
      notifyAll();
    }
  }
}
