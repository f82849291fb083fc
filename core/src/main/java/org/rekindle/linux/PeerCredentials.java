package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Who is at the other end of a connection, as the kernel noted it when the connection was made
 * (SO_PEERCRED, unix(7)).
 *
 * @param pid 0 if the process is in a PID namespace that we cannot see
 */
public record PeerCredentials(int pid, int uid, int gid) {
  static PeerCredentials of(int socket) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment ucred = arena.allocate(Abi.UCRED_BYTES, 8);
      // SAFETY: the kernel writes at most that many bytes into memory of that size.
      int result =
          Libc.getsockopt(
              socket, Abi.SOL_SOCKET, Abi.SO_PEERCRED, ucred.address(), Abi.UCRED_BYTES);
      if (result < 0) {
        throw new LinuxException("ask who has connected", -result);
      }
      return new PeerCredentials(
          ucred.get(JAVA_INT, Abi.UCRED_PID),
          ucred.get(JAVA_INT, Abi.UCRED_UID),
          ucred.get(JAVA_INT, Abi.UCRED_GID));
    }
  }
}
