package org.rekindle.guest.uffd;

import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.uffd.SessionEnd.Fate;
import org.rekindle.linux.Errno;
import org.rekindle.linux.PeerCredentials;
import org.rekindle.linux.PidFd;
import org.rekindle.linux.UnixSocket;

/**
 * Who has connected: a connection and the process behind it, held so that its number can not come
 * to mean another.
 */
final class Peer implements AutoCloseable {
  private final UnixSocket socket;
  private final PeerCredentials credentials;
  private final long connectedNs = System.nanoTime();
  private final @Nullable PidFd process; // null: it has ended, or runs where we see no processes

  Peer(UnixSocket socket) throws IOException {
    this.socket = socket;
    try {
      this.credentials = socket.peerCredentials();
      this.process = socket.peerProcess().orElse(null);
    } catch (IOException failed) {
      socket.close();
      throw failed;
    }
  }

  UnixSocket socket() {
    return socket;
  }

  /** Its number, 0 if it runs where we see no processes. */
  int pid() {
    return credentials.pid();
  }

  /** When it was accepted. */
  long connectedNs() {
    return connectedNs;
  }

  /** A descriptor that is readable once it has {@linkplain #ended ended}. */
  int endFd() {
    return process != null ? process.fd() : socket.fd();
  }

  /** Whether it has ended. A process that lives may have closed the connection, if it likes. */
  boolean ended() throws IOException {
    return process != null ? process.ended() : socket.hungUp();
  }

  /** Kills it. */
  Fate kill() {
    int result = process == null ? -Errno.ESRCH : process.signal(PidFd.SIGKILL);
    return result == 0 ? Fate.KILLED : Fate.OUT_OF_REACH;
  }

  @Override
  public void close() {
    if (process != null) {
      process.close();
    }
    socket.close();
  }
}
