package org.rekindle.linux;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A connected Unix stream socket in non-blocking mode, without the locks and copies of a channel.
 *
 * <p>One thread sends and one receives, which may be the same; {@link #close} comes after both have
 * left. Sending and receiving allocate nothing.
 */
public final class UnixSocket implements AutoCloseable {
  /** Nothing could be sent or received now. */
  public static final int WOULD_BLOCK = -1;

  /** The peer has closed the connection. */
  public static final int CLOSED = -2;

  /** The most that one call moves (read(2), NOTES); keeps results within an int. */
  private static final long CALL_BYTES = 0x7ffff000;

  private final Descriptor socket;
  private final Path path;

  UnixSocket(Descriptor socket, Path path) {
    this.socket = socket;
    this.path = path;
  }

  /**
   * Connects to a listening socket.
   *
   * @param path at most 107 bytes in UTF-8
   * @throws LinuxException where nobody listens (ECONNREFUSED, ENOENT), access is denied, or the
   *     listener's queue is full (EAGAIN)
   */
  public static UnixSocket connect(Path path) throws IOException {
    UnixAddress address = new UnixAddress(path);
    Descriptor socket = address.socket();
    int result = address.connect(socket);
    if (result < 0) {
      socket.close();
      throw new LinuxException("connect to " + path, -result);
    }
    return new UnixSocket(socket, path);
  }

  /** The descriptor, for a {@link Poller}; -1 once closed. */
  public int fd() {
    return socket.fd();
  }

  /**
   * Bounds what the kernel queues towards the peer (SO_SNDBUF). The kernel doubles the figure, for
   * its own overhead, and has a least value of a few KiB (socket(7)).
   */
  public void sendBufferBytes(int bytes) throws IOException {
    if (bytes <= 0) {
      throw new IllegalArgumentException("send buffer of " + bytes + " bytes");
    }
    int result = Libc.setsockopt(fd(), Abi.SOL_SOCKET, Abi.SO_SNDBUF, bytes);
    if (result < 0) {
      throw new LinuxException("set the send buffer of " + path, -result);
    }
  }

  /**
   * Sends some of the bytes.
   *
   * @param from native memory
   * @return how many bytes (at least one unless none was asked for), or {@link #WOULD_BLOCK} or
   *     {@link #CLOSED}
   */
  public int send(MemorySegment from, long offset, long bytes) throws IOException {
    long address = Libc.addressOf(from, offset, bytes, false);
    int flags = Abi.MSG_DONTWAIT | Abi.MSG_NOSIGNAL;
    long sent;
    try {
      do {
        // SAFETY: the range was checked; the fence keeps the segment alive.
        sent = Libc.send(fd(), address, Math.min(bytes, CALL_BYTES), flags);
      } while (sent == -Errno.EINTR);
    } finally {
      Reference.reachabilityFence(from);
    }
    return sent >= 0 ? (int) sent : outcome("send to ", (int) -sent);
  }

  /**
   * Receives up to {@code bytes}.
   *
   * @param into native memory
   * @return how many bytes (at least one unless none was asked for), or {@link #WOULD_BLOCK} or
   *     {@link #CLOSED}
   */
  public int receive(MemorySegment into, long offset, long bytes) throws IOException {
    long address = Libc.addressOf(into, offset, bytes, true);
    if (bytes == 0) {
      return 0;
    }
    long received;
    try {
      do {
        // SAFETY: the range was checked; the fence keeps the segment alive.
        received = Libc.recv(fd(), address, Math.min(bytes, CALL_BYTES), Abi.MSG_DONTWAIT);
      } while (received == -Errno.EINTR);
    } finally {
      Reference.reachabilityFence(into);
    }
    if (received == 0) {
      return CLOSED;
    }
    return received > 0 ? (int) received : outcome("receive from ", (int) -received);
  }

  /**
   * What came with one message.
   *
   * @param bytes how many, or {@link #WOULD_BLOCK} or {@link #CLOSED}
   * @param descriptors the receiver's to close
   * @param refused whether more descriptors came than were wanted, or than this process may open:
   *     all of them have been closed
   * @param sender the process that sent it, if {@link #askForSenders} was called; 0 if not, or if
   *     it runs where we see no processes
   */
  public record Message(int bytes, List<Descriptor> descriptors, boolean refused, int sender) {}

  /**
   * Has the kernel say of each message that is sent from now on which process did (SO_PASSCRED,
   * unix(7)): a connection may be used by others than who made it.
   */
  public void askForSenders() throws IOException {
    askForSenders(socket, path);
  }

  static void askForSenders(Descriptor socket, Path path) throws IOException {
    int result = Libc.setsockopt(socket.fd(), Abi.SOL_SOCKET, Abi.SO_PASSCRED, 1);
    if (result < 0) {
      throw new LinuxException("ask who sends at " + path, -result);
    }
  }

  /**
   * Receives up to {@code bytes}, and the descriptors that were sent with them (SCM_RIGHTS,
   * unix(7)); they are closed on exec.
   *
   * @param into native memory
   * @param mostDescriptors more than these are refused, all together
   */
  public Message receiveMessage(MemorySegment into, long offset, long bytes, int mostDescriptors)
      throws IOException {
    long address = Libc.addressOf(into, offset, bytes, true);
    try (SocketMessage message = SocketMessage.toReceive(address, bytes)) {
      int received = message.receive(fd());
      if (received < 0) {
        return new Message(outcome("receive from ", -received), List.of(), false, 0);
      }
      List<Descriptor> descriptors = message.descriptors();
      boolean refused = message.truncated() || descriptors.size() > mostDescriptors;
      if (refused) {
        descriptors.forEach(Descriptor::close);
      }
      return new Message(
          received == 0 && bytes > 0 ? CLOSED : received,
          refused ? List.of() : descriptors,
          refused,
          message.sender());
    } finally {
      Reference.reachabilityFence(into);
    }
  }

  /**
   * Sends some of the bytes, and copies of the descriptors with the first of them.
   *
   * @param from native memory
   * @param bytes at least one: descriptors do not travel alone
   * @param descriptors at most 253; they stay the sender's to close
   * @return how many bytes (at least one), or {@link #WOULD_BLOCK} or {@link #CLOSED}; the
   *     descriptors went if any byte did
   */
  public int send(MemorySegment from, long offset, long bytes, int... descriptors)
      throws IOException {
    if (bytes <= 0) {
      throw new IllegalArgumentException("descriptors need a byte to travel with");
    }
    long address = Libc.addressOf(from, offset, bytes, false);
    try (SocketMessage message = SocketMessage.toSend(address, bytes, descriptors.length)) {
      int sent = message.send(fd(), descriptors);
      return sent >= 0 ? sent : outcome("send to ", -sent);
    } finally {
      Reference.reachabilityFence(from);
    }
  }

  /**
   * Whether the peer's end is closed altogether: the peer has died, or has let go of the
   * connection. What it sent before may still be here to be received.
   */
  public boolean hungUp() throws IOException {
    return (Poller.events(fd()) & Abi.POLLHUP) != 0;
  }

  /** Who connected to us, as the kernel saw it then. */
  public PeerCredentials peerCredentials() throws IOException {
    return PeerCredentials.of(fd());
  }

  /**
   * The process that connected to us; empty if it has ended, or runs where we see no processes.
   * Unlike its number it cannot come to mean another.
   */
  public Optional<PidFd> peerProcess() throws IOException {
    return PidFd.ofPeer(this);
  }

  private int outcome(String operation, int errno) throws LinuxException {
    return switch (errno) {
      case Errno.EAGAIN -> WOULD_BLOCK;
      case Errno.EPIPE, Errno.ECONNRESET -> CLOSED;
      default -> throw new LinuxException(operation + path, errno);
    };
  }

  @Override
  public void close() {
    socket.close();
  }
}
