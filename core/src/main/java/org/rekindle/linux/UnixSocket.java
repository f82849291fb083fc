package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

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

  /** What fits into {@code sun_path} beside the final NUL (unix(7)). */
  private static final int PATH_BYTES = Abi.SOCKADDR_UN_BYTES - Abi.SOCKADDR_UN_PATH - 1;

  /** The most that one call moves (read(2), NOTES); keeps results within an int. */
  private static final long CALL_BYTES = 0x7ffff000;

  private final Descriptor socket;
  private final Path path;

  private UnixSocket(Descriptor socket, Path path) {
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
    byte[] name = path.toString().getBytes(StandardCharsets.UTF_8);
    if (name.length == 0 || name.length > PATH_BYTES) {
      throw new IOException(
          "a Unix socket's path has 1 to %d bytes, this one %d: %s; use a shorter directory"
              .formatted(PATH_BYTES, name.length, path));
    }
    int fd = Libc.socket(Abi.AF_UNIX, Abi.SOCK_STREAM | Abi.SOCK_NONBLOCK | Abi.SOCK_CLOEXEC, 0);
    if (fd < 0) {
      throw new LinuxException("make a socket for " + path, -fd);
    }
    Descriptor socket = new Descriptor(fd);
    int result = connect(fd, name);
    if (result < 0) {
      socket.close();
      throw new LinuxException("connect to " + path, -result);
    }
    return new UnixSocket(socket, path);
  }

  private static int connect(int fd, byte[] name) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment address = arena.allocate(Abi.SOCKADDR_UN_BYTES, 2);
      address.set(JAVA_SHORT, Abi.SOCKADDR_UN_FAMILY, (short) Abi.AF_UNIX);
      MemorySegment.copy(name, 0, address, JAVA_BYTE, Abi.SOCKADDR_UN_PATH, name.length);
      int result;
      do {
        // SAFETY: a sockaddr_un of that size, alive until the arena is closed, its path ended by
        // the zeros that a fresh allocation has.
        result = Libc.connect(fd, address.address(), Abi.SOCKADDR_UN_BYTES);
      } while (result == -Errno.EINTR);
      return result;
    }
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
