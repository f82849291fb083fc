package org.rekindle.linux;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * A listening Unix stream socket on a path, which is removed when it is closed.
 *
 * <p>Its permissions hold from its first moment on: the mode is set on the socket before it has a
 * name, and the kernel makes the name with that mode, less the umask. (Changing the umask around
 * bind(2) would change it for all threads; changing the file's mode afterwards leaves a moment.)
 */
public final class UnixListener implements AutoCloseable {
  /** Only the owner, and root, may connect. */
  public static final int OWNER_ONLY = 0600;

  /** Connections that wait to be accepted; the kernel's own limit is 4096 (somaxconn). */
  private static final int BACKLOG = 128;

  private static final int S_IFMT = 0170000;
  private static final int S_IFSOCK = 0140000;

  private final Descriptor socket;
  private final Path path;
  private final Map<String, Object> identity;

  private UnixListener(Descriptor socket, Path path) throws IOException {
    this.socket = socket;
    this.path = path;
    this.identity = identity(path);
  }

  /**
   * Listens at a path. A socket that nobody listens at any more is replaced.
   *
   * @param path at most 107 bytes in UTF-8
   * @param mode permissions, such as {@link #OWNER_ONLY}
   * @throws LinuxException EADDRINUSE if somebody listens there, or the path is something else than
   *     a socket
   */
  public static UnixListener bind(Path path, int mode) throws IOException {
    UnixAddress address = new UnixAddress(path);
    Descriptor socket = address.socket();
    try {
      int result = Libc.fchmod(socket.fd(), mode);
      if (result == 0) {
        result = address.bind(socket);
      }
      if (result == -Errno.EADDRINUSE && isStale(address, path)) {
        Files.deleteIfExists(path);
        result = address.bind(socket);
      }
      if (result < 0) {
        throw new LinuxException("listen at " + path, -result);
      }
      UnixListener listener = new UnixListener(socket, path);
      result = Libc.listen(socket.fd(), BACKLOG);
      if (result < 0) {
        listener.close();
        throw new LinuxException("listen at " + path, -result);
      }
      return listener;
    } catch (IOException | RuntimeException failed) {
      socket.close();
      throw failed;
    }
  }

  /** Whether a path is a socket that refuses connections: whoever listened there has died. */
  private static boolean isStale(UnixAddress address, Path path) throws IOException {
    int mode;
    try {
      mode = (int) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS);
    } catch (NoSuchFileException gone) {
      return true;
    }
    if ((mode & S_IFMT) != S_IFSOCK) {
      return false;
    }
    try (Descriptor probe = address.socket()) {
      return address.connect(probe) == -Errno.ECONNREFUSED;
    }
  }

  /** For a {@link Poller}: readable when somebody wants to connect; -1 once closed. */
  public int fd() {
    return socket.fd();
  }

  /**
   * As {@link UnixSocket#askForSenders}, of all connections from now on: also of what is sent
   * before they are accepted.
   */
  public void askForSenders() throws IOException {
    UnixSocket.askForSenders(socket, path);
  }

  /** The next connection that waits; empty if none does. */
  public Optional<UnixSocket> accept() throws IOException {
    while (true) {
      int fd = Libc.accept4(socket.fd(), Abi.SOCK_NONBLOCK | Abi.SOCK_CLOEXEC);
      if (fd >= 0) {
        return Optional.of(new UnixSocket(new Descriptor(fd), path));
      }
      switch (-fd) {
        case Errno.EAGAIN -> {
          return Optional.empty();
        }
        case Errno.EINTR, Errno.ECONNABORTED -> {}
        default -> throw new LinuxException("accept a connection at " + path, -fd);
      }
    }
  }

  /** Stops listening and removes the path, unless somebody has put something else there. */
  @Override
  public void close() throws IOException {
    socket.close();
    if (Files.exists(path, LinkOption.NOFOLLOW_LINKS) && identity(path).equals(identity)) {
      Files.deleteIfExists(path);
    }
  }

  private static Map<String, Object> identity(Path path) throws IOException {
    return Files.readAttributes(path, "unix:dev,ino", LinkOption.NOFOLLOW_LINKS);
  }
}
