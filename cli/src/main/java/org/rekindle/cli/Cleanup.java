package org.rekindle.cli;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Everything that a command has started and that must not outlive it.
 *
 * <p>What is owned here is closed in reverse order, each thing once: when the command ends, or when
 * a signal (Ctrl-C, TERM, HUP) ends the program. A signal first asks the command to end (by the way
 * that it has named, else by an interrupt), which then unwinds by itself; what is still open after
 * {@link #GRACE_MS} is closed under it, and the program leaves only when the command has let go.
 */
final class Cleanup implements AutoCloseable {
  /** An operation polls at least ten times per second; two seconds are ample to unwind. */
  private static final long GRACE_MS = 2_000;

  /** Closing may kill a QEMU and delete a half image of many GiB; then even the kernel is slow. */
  private static final long LAST_MS = 30_000;

  private final Deque<AutoCloseable> owned = new ArrayDeque<>();
  private final Thread worker = Thread.currentThread();
  private final CountDownLatch unwound = new CountDownLatch(1);
  private final Thread hook = new Thread(this::signalled, "cleanup");
  private volatile boolean interrupted;
  private volatile AutoCloseable cancel = worker::interrupt;

  /** Takes charge of the current thread's command. */
  Cleanup() {
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /**
   * Sees to it that a resource is closed; gives it back.
   *
   * @throws InterruptedException if a signal came already; the resource has been closed
   */
  <T extends AutoCloseable> T own(T resource) throws InterruptedException {
    synchronized (owned) {
      owned.push(resource);
    }
    if (interrupted) {
      closeOwned();
      throw new InterruptedException();
    }
    return resource;
  }

  /** Names the way in which a signal ends what runs from now on; callable from every thread. */
  void cancelBy(AutoCloseable way) {
    cancel = way;
    if (interrupted) {
      cancel();
    }
  }

  /** Whether a signal has asked the command to end. */
  boolean interrupted() {
    return interrupted;
  }

  private void cancel() {
    try {
      cancel.close();
    } catch (Exception failed) {
      worker.interrupt();
    }
  }

  private void signalled() {
    interrupted = true;
    System.err.println("rekindle: interrupted; taking back what was started ...");
    cancel();
    try {
      if (!unwound.await(GRACE_MS, TimeUnit.MILLISECONDS)) {
        closeOwned();
        if (!unwound.await(LAST_MS, TimeUnit.MILLISECONDS)) {
          System.err.println("rekindle: gave up waiting for the operation to end");
        }
      }
    } catch (InterruptedException impatient) {
      closeOwned();
    }
  }

  /** Closes everything; the first failure is thrown, later ones go with it. */
  private @Nullable Exception closeOwned() {
    Exception first = null;
    while (true) {
      AutoCloseable next;
      synchronized (owned) {
        next = owned.poll();
      }
      if (next == null) {
        return first;
      }
      try {
        next.close();
      } catch (Exception failed) {
        if (first == null) {
          first = failed;
        } else {
          first.addSuppressed(failed);
        }
      }
    }
  }

  /** Ends the command: closes what it owns. */
  @Override
  public void close() throws IOException {
    if (interrupted) {
      Thread.interrupted(); // closing must not be cut short by the interrupt that asked for it
    }
    Exception failed = closeOwned();
    unwound.countDown();
    if (!interrupted) {
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException shuttingDown) {
        // the hook runs already, and finds the command unwound
      }
    }
    switch (failed) {
      case null -> {}
      case IOException io -> throw io;
      case RuntimeException runtime -> throw runtime;
      default -> throw new IOException("cannot clean up: " + failed.getMessage(), failed);
    }
  }
}
