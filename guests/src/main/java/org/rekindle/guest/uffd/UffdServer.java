package org.rekindle.guest.uffd;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.rekindle.image.MemoryMap;
import org.rekindle.linux.Errno;
import org.rekindle.linux.LinuxException;
import org.rekindle.linux.Poller;
import org.rekindle.linux.UnixListener;
import org.rekindle.linux.UnixSocket;

/**
 * Listens for VMMs that hand over their guest memory, and restores each in a session of its own: a
 * thread that shares nothing with the others but the image, so that what goes wrong in one is its
 * own.
 */
public final class UffdServer implements AutoCloseable {
  /** How often a waiting server looks whether it has been interrupted. */
  private static final long LOOK_NS = 100_000_000;

  private final UnixListener listener;
  private final Poller poller = new Poller(1);
  private final int polled;
  private final MemoryMap memory;
  private final OnFailure onFailure;
  private final Set<Thread> sessions = ConcurrentHashMap.newKeySet();
  private final AtomicInteger guests = new AtomicInteger();
  private final Object telling = new Object();

  /** Restores a guest; on the session's thread, whose interrupt cancels it. */
  @FunctionalInterface
  public interface Restorer {
    /** Returns when all memory is in. */
    void restore(UffdGuest guest) throws IOException;
  }

  /**
   * Listens.
   *
   * @param path of the socket; removed when this is closed
   * @param mode who may connect, such as {@link UnixListener#OWNER_ONLY}
   * @param memory the image's
   * @param onFailure what becomes of a VMM whose guest does not get all of its memory
   */
  public UffdServer(Path path, int mode, MemoryMap memory, OnFailure onFailure) throws IOException {
    this.memory = memory;
    this.onFailure = onFailure;
    this.listener = UnixListener.bind(path, mode);
    this.polled = poller.add(listener.fd());
    poller.interest(polled, true, false);
  }

  /**
   * Serves guests until so many have come, and their sessions have ended. (Some more, if they
   * connect at the same moment.) Peers that hand over no guest do not count. The interrupt of this
   * thread cancels all sessions.
   *
   * @param count 0: until interrupted
   * @param restorer restores each
   * @param ended hears how each session ended: one at a time, on the session's thread
   * @throws InterruptedIOException if this thread was interrupted; all sessions have ended then
   */
  public void serve(int count, Restorer restorer, Consumer<SessionEnd> ended) throws IOException {
    try {
      while (!isInterrupted() && (count == 0 || guests.get() < count)) {
        poller.poll(LOOK_NS);
        if (poller.readable(polled)) {
          accept(new UffdSession(memory, restorer, onFailure), ended);
        }
      }
      listener.close(); // nobody is to wait in front of it
    } finally {
      awaitSessions();
    }
    if (isInterrupted()) {
      throw new InterruptedIOException("interrupted while VMMs were served");
    }
  }

  private static boolean isInterrupted() {
    return Thread.currentThread().isInterrupted();
  }

  private void accept(UffdSession session, Consumer<SessionEnd> ended) throws IOException {
    UnixSocket socket;
    try {
      socket = listener.accept().orElse(null);
    } catch (LinuxException failed) {
      if (failed.errno() != Errno.EMFILE && failed.errno() != Errno.ENOMEM) {
        throw failed;
      }
      LockSupport.parkNanos(LOOK_NS); // until a session ends: the connection waits, as they do
      return;
    }
    if (socket != null) {
      Thread thread =
          Thread.ofPlatform().name("rekindle-session").unstarted(() -> run(session, socket, ended));
      sessions.add(thread);
      thread.start();
    }
  }

  private void run(UffdSession session, UnixSocket socket, Consumer<SessionEnd> ended) {
    try {
      SessionEnd end = session.serve(socket, this::guestCame);
      synchronized (telling) {
        ended.accept(end);
      }
    } finally {
      sessions.remove(Thread.currentThread());
    }
  }

  private void guestCame() {
    guests.incrementAndGet();
    poller.wake();
  }

  /** Waits for all sessions to end; cancels them if this thread is interrupted. */
  private void awaitSessions() {
    boolean interrupted = false;
    for (Thread session : sessions) {
      boolean over = false;
      while (!over) {
        try {
          session.join();
          over = true;
        } catch (InterruptedException cancelled) {
          interrupted = true;
          sessions.forEach(Thread::interrupt);
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Stops listening, and removes the socket. */
  @Override
  public void close() throws IOException {
    listener.close();
    poller.close();
  }
}
