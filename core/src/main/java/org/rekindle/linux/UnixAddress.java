package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Where a Unix stream socket is: a path, as the kernel wants it. */
final class UnixAddress {
  /** What fits into {@code sun_path} beside the final NUL (unix(7)). */
  private static final int PATH_BYTES = Abi.SOCKADDR_UN_BYTES - Abi.SOCKADDR_UN_PATH - 1;

  private final Path path;
  private final byte[] name;

  /** A path of at most 107 bytes in UTF-8. */
  UnixAddress(Path path) throws IOException {
    this.path = path;
    this.name = path.toString().getBytes(StandardCharsets.UTF_8);
    if (name.length == 0 || name.length > PATH_BYTES) {
      throw new IOException(
          "a Unix socket's path has 1 to %d bytes, this one %d: %s; use a shorter directory"
              .formatted(PATH_BYTES, name.length, path));
    }
  }

  /** A new socket for this address, in non-blocking mode. */
  Descriptor socket() throws IOException {
    int fd = Libc.socket(Abi.AF_UNIX, Abi.SOCK_STREAM | Abi.SOCK_NONBLOCK | Abi.SOCK_CLOEXEC, 0);
    if (fd < 0) {
      throw new LinuxException("make a socket for " + path, -fd);
    }
    return new Descriptor(fd);
  }

  /** 0 or a negated error number. */
  int connect(Descriptor socket) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment address = in(arena);
      int result;
      do {
        // SAFETY: a sockaddr_un of that size, alive until the arena is closed.
        result = Libc.connect(socket.fd(), address.address(), Abi.SOCKADDR_UN_BYTES);
      } while (result == -Errno.EINTR);
      return result;
    }
  }

  /** 0 or a negated error number. */
  int bind(Descriptor socket) {
    try (Arena arena = Arena.ofConfined()) {
      // SAFETY: a sockaddr_un of that size, alive until the arena is closed.
      return Libc.bind(socket.fd(), in(arena).address(), Abi.SOCKADDR_UN_BYTES);
    }
  }

  /** A sockaddr_un; its path is ended by the zeros that a fresh allocation has. */
  private MemorySegment in(Arena arena) {
    MemorySegment address = arena.allocate(Abi.SOCKADDR_UN_BYTES, 2);
    address.set(JAVA_SHORT, Abi.SOCKADDR_UN_FAMILY, (short) Abi.AF_UNIX);
    MemorySegment.copy(name, 0, address, JAVA_BYTE, Abi.SOCKADDR_UN_PATH, name.length);
    return address;
  }
}
