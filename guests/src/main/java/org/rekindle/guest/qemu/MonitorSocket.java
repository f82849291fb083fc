package org.rekindle.guest.qemu;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.rekindle.linux.Poller;
import org.rekindle.linux.UnixSocket;

/**
 * A connection to a monitor: text both ways, and open files to QEMU, which a channel of the JDK
 * cannot send.
 *
 * <p>One thread receives. Any thread sends, one at a time, and {@link #close}s; the receiving
 * thread then {@link #release}s.
 */
final class MonitorSocket implements AutoCloseable {
  private static final int BUFFER_BYTES = 1 << 16;

  private final UnixSocket socket;
  private final Poller poller;
  private final ByteBuffer received = ByteBuffer.allocateDirect(BUFFER_BYTES);
  private final MemorySegment memory = MemorySegment.ofBuffer(received);
  private volatile boolean closed;

  private MonitorSocket(UnixSocket socket, Poller poller) {
    this.socket = socket;
    this.poller = poller;
    poller.interest(poller.add(socket.fd()), true, false);
  }

  static MonitorSocket connect(Path path) throws IOException {
    UnixSocket socket = UnixSocket.connect(path);
    try {
      return new MonitorSocket(socket, new Poller(1));
    } catch (IOException failed) {
      socket.close();
      throw failed;
    }
  }

  /** The number of the process that listens there. */
  int peerPid() throws IOException {
    return socket.peerCredentials().pid();
  }

  /** Waits for something to come; null when nothing more can. Valid until the next call. */
  @Nullable ByteBuffer receive() throws IOException {
    while (!closed) {
      int bytes = socket.receive(memory, 0, BUFFER_BYTES);
      if (bytes == UnixSocket.CLOSED) {
        return null;
      }
      if (bytes != UnixSocket.WOULD_BLOCK) {
        return received.clear().limit(bytes);
      }
      poller.poll(-1);
    }
    return null;
  }

  /**
   * Sends all of it, and copies of open files with its first byte.
   *
   * @throws IOException if the peer is gone, or does not read: nothing is waited for
   */
  void send(byte[] bytes, int... descriptors) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(bytes.length).copyFrom(MemorySegment.ofArray(bytes));
      for (int done = 0; done < bytes.length; ) {
        int sent =
            done == 0 && descriptors.length > 0
                ? socket.send(out, 0, bytes.length, descriptors)
                : socket.send(out, done, (long) bytes.length - done);
        if (sent < 0) {
          throw new IOException(
              sent == UnixSocket.CLOSED
                  ? "it has closed the connection"
                  : "it does not read what is sent");
        }
        done += sent;
      }
    }
  }

  /** Ends {@link #receive}; from any thread. */
  @Override
  public void close() {
    closed = true;
    poller.wake();
  }

  /** Ends the connection, once nobody receives or sends. */
  void release() {
    poller.close();
    socket.close();
  }
}
