package org.rekindle.guest.process.inside;

import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Where others leave what a worker is to do between two operations, one at a time.
 *
 * <p>Whoever {@link #hold}s it shuts all others out, and may still {@link #ask}.
 */
final class Mailbox {
  /** What a worker does for somebody else; it alone may touch guest memory. */
  @FunctionalInterface
  interface Request {
    /** On the worker's thread. */
    void carryOut(Worker worker);
  }

  private final ReentrantLock turn = new ReentrantLock();
  private final Thread worker;
  private volatile @Nullable Request posted;
  private @Nullable Thread asking; // written before "posted", read after it
  private @Nullable RuntimeException failure; // the other way round

  /**
   * @param worker empties it
   */
  Mailbox(Thread worker) {
    this.worker = worker;
  }

  /** Shuts others out; not if they have the turn: waits until they have been served. */
  void hold() {
    turn.lock();
  }

  void release() {
    turn.unlock();
  }

  /** Has the worker carry something out, and waits until it has. */
  void ask(Request request) {
    turn.lock();
    try {
      asking = Thread.currentThread();
      posted = request;
      LockSupport.unpark(worker);
      while (posted != null) {
        LockSupport.park(this);
      }
      if (failure != null) {
        RuntimeException failed = failure;
        failure = null;
        throw failed;
      }
    } finally {
      turn.unlock();
    }
  }

  /** Does what was asked for, if anything was; on the worker's thread. */
  void serve(Worker self) {
    Request request = posted;
    if (request != null) {
      try {
        request.carryOut(self);
      } catch (RuntimeException failed) {
        failure = failed;
      }
      Thread waiting = asking;
      posted = null;
      LockSupport.unpark(waiting);
    }
  }
}
