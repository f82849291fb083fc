package org.rekindle.guest.uffd;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import org.rekindle.image.MemoryMap;
import org.rekindle.linux.Poller;
import org.rekindle.linux.UnixListener;
import org.rekindle.linux.UnixSocket;

/**
 * The one VMM that somebody expects who has started it himself: he needs no {@link UffdServer}, and
 * ends the VMM himself if its guest does not get all of its memory.
 */
public final class UffdIncoming implements AutoCloseable {
  /** How often a waiting listener looks whether it has been interrupted. */
  private static final long LOOK_NS = 100_000_000;

  private final Peer peer;
  private final UffdGuest guest;

  private UffdIncoming(Peer peer, UffdGuest guest) {
    this.peer = peer;
    this.guest = guest;
  }

  /** Listens at a path while something is done that has a VMM connect. */
  @FunctionalInterface
  public interface Invitation {
    void send() throws IOException;
  }

  /**
   * Listens, and takes over what is handed over.
   *
   * @param path of the socket, for the owner only; it is removed again
   * @param invitation has the VMM connect; called when there is somebody to connect to
   * @param memory the image's
   * @param patience how long the VMM may take
   */
  public static UffdIncoming accept(
      Path path, Invitation invitation, MemoryMap memory, Duration patience) throws IOException {
    try (UnixListener listener = UnixListener.bind(path, UnixListener.OWNER_ONLY)) {
      invitation.send();
      return accept(new Peer(await(listener, path, patience)), memory, patience);
    }
  }

  private static UnixSocket await(UnixListener listener, Path path, Duration patience)
      throws IOException {
    long deadlineNs = System.nanoTime() + patience.toNanos();
    try (Poller poller = new Poller(1)) {
      poller.interest(poller.add(listener.fd()), true, false);
      while (System.nanoTime() - deadlineNs < 0) {
        if (Thread.currentThread().isInterrupted()) {
          throw new InterruptedIOException("interrupted while a VMM was expected");
        }
        poller.poll(LOOK_NS);
        UnixSocket socket = listener.accept().orElse(null);
        if (socket != null) {
          return socket;
        }
      }
    }
    throw new IOException("no VMM has connected to " + path + " in time");
  }

  private static UffdIncoming accept(Peer peer, MemoryMap memory, Duration patience)
      throws IOException {
    try {
      AddressSpace space = HandOver.receive(peer.socket(), memory, patience);
      try {
        return new UffdIncoming(peer, new UffdGuest(memory, space, peer));
      } catch (IOException | RuntimeException failed) {
        space.close();
        throw failed;
      }
    } catch (IOException | RuntimeException failed) {
      peer.close();
      throw failed;
    }
  }

  public UffdGuest guest() {
    return guest;
  }

  @Override
  public void close() {
    guest.close();
    peer.close();
  }
}
