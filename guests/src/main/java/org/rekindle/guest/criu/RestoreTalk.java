package org.rekindle.guest.criu;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rekindle.linux.Descriptor;
import org.rekindle.linux.UnixSocket;

/**
 * What {@code criu restore --lazy-pages} says on its one connection (criu/uffd.c); nothing is
 * answered.
 *
 * <pre>
 * for each process, in any order:
 *   int32 pid           as in the dump; negative: it is dead, nothing follows
 *   one byte            with its userfaultfd as SCM_RIGHTS
 * when all of them are about to run:
 *   uint32 0x52535446
 * </pre>
 *
 * Numbers are those of the machine.
 */
final class RestoreTalk implements AutoCloseable {
  static final int FINISHED = 0x52535446;

  private final UnixSocket socket;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment number = arena.allocate(Integer.BYTES);
  private int bytes; // of the number that have come
  private int pid; // of whom the userfaultfd is to come; 0: a number is to come

  /** Something that CRIU said. */
  sealed interface Saying {
    /**
     * A process has set up what watches its memory.
     *
     * @param pid as in the dump
     * @param uffd the receiver's to close
     * @param sender the process itself, by its number here; 0 if we do not see it
     */
    record Task(int pid, Descriptor uffd, int sender) implements Saying {}

    /** A process was dead when it was dumped. */
    record Dead(int pid) implements Saying {}

    /** All processes are about to run. */
    record Finished() implements Saying {}

    /** CRIU has closed the connection. */
    record Closed() implements Saying {}
  }

  RestoreTalk(UnixSocket socket) {
    this.socket = socket;
  }

  /** For a poller: readable when there is something to hear. */
  int fd() {
    return socket.fd();
  }

  /**
   * What was said next; null if nothing was.
   *
   * @throws IOException if it is not what CRIU says
   */
  @Nullable Saying next() throws IOException {
    while (pid == 0) {
      UnixSocket.Message message = socket.receiveMessage(number, bytes, Integer.BYTES - bytes, 1);
      if (!message.descriptors().isEmpty() || message.refused()) {
        message.descriptors().forEach(Descriptor::close);
        throw wrong("a descriptor where a process id was expected");
      }
      if (message.bytes() < 0) {
        return silence(message.bytes());
      }
      bytes += message.bytes();
      if (bytes == Integer.BYTES) {
        bytes = 0;
        int value = number.get(JAVA_INT_UNALIGNED, 0);
        if (value == FINISHED) {
          return new Saying.Finished();
        }
        if (value == 0 || value == Integer.MIN_VALUE) {
          throw wrong("process " + value);
        }
        if (value < 0) {
          return new Saying.Dead(-value);
        }
        pid = value;
      }
    }
    UnixSocket.Message message = socket.receiveMessage(number, 0, 1, 1);
    if (message.bytes() < 0) {
      return silence(message.bytes());
    }
    List<Descriptor> descriptors = message.descriptors();
    if (descriptors.size() != 1) {
      throw wrong("process " + pid + " without exactly one descriptor");
    }
    Saying task = new Saying.Task(pid, descriptors.getFirst(), message.sender());
    pid = 0;
    return task;
  }

  private static @Nullable Saying silence(int outcome) {
    return outcome == UnixSocket.CLOSED ? new Saying.Closed() : null;
  }

  static IOException wrong(String what, @Nullable Throwable cause) {
    return new IOException(
        "who has connected is not 'criu restore --lazy-pages' of CRIU 4: " + what, cause);
  }

  private static IOException wrong(String what) {
    return wrong("it sent " + what, null);
  }

  @Override
  public void close() {
    socket.close();
    arena.close();
  }
}
