package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * A process by descriptor instead of by number: once it is gone, the descriptor means nobody else
 * (pidfd_open(2)).
 *
 * <p>For a {@link Poller} it is readable as soon as the process has ended.
 */
public final class PidFd implements AutoCloseable {
  public static final int SIGKILL = 9;

  private final Descriptor descriptor;
  private final int pid;

  private PidFd(int fd, int pid) {
    this.descriptor = new Descriptor(fd);
    this.pid = pid;
  }

  /** The process of that number now; empty if there is none. */
  public static Optional<PidFd> open(int pid) throws IOException {
    int fd = Libc.pidfdOpen(pid);
    if (fd == -Errno.ESRCH) {
      return Optional.empty();
    }
    if (fd < 0) {
      throw new LinuxException("open process " + pid, -fd);
    }
    return Optional.of(new PidFd(fd, pid));
  }

  /**
   * The process that made a connection. Since Linux 6.5 the kernel has kept hold of it
   * (SO_PEERPIDFD). Before, its number could have been given to another if it has died meanwhile,
   * so it counts only if the connection still stands when the number has been looked up.
   */
  static Optional<PidFd> ofPeer(UnixSocket socket) throws IOException {
    int pid = socket.peerCredentials().pid();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment fd = arena.allocate(Integer.BYTES, 8);
      // SAFETY: the kernel writes one int into memory of that size.
      int result =
          Libc.getsockopt(
              socket.fd(), Abi.SOL_SOCKET, Abi.SO_PEERPIDFD, fd.address(), Integer.BYTES);
      if (result == 0) {
        return Optional.of(new PidFd(fd.get(JAVA_INT, 0), pid));
      }
      if (result != -Errno.ENOPROTOOPT) {
        return Optional.empty(); // ESRCH, EINVAL: it has ended
      }
    }
    Optional<PidFd> process = pid == 0 ? Optional.empty() : open(pid);
    if (process.isPresent() && socket.hungUp()) {
      process.get().close();
      return Optional.empty();
    }
    return process;
  }

  /** For a {@link Poller}; -1 once closed. */
  public int fd() {
    return descriptor.fd();
  }

  /** The number, for messages; 0 if the process is in a PID namespace that we cannot see. */
  public int pid() {
    return pid;
  }

  /** Whether the process has ended; its parent may not have taken notice yet. */
  public boolean ended() throws IOException {
    return (Poller.events(descriptor.fd()) & Abi.POLLIN) != 0;
  }

  /** Sends a signal: 0, or a negated error number (ESRCH: it has ended; EPERM: not ours). */
  public int signal(int signal) {
    return Libc.pidfdSendSignal(descriptor.fd(), signal);
  }

  /**
   * Has the kernel take pages of the process out, which puts them into swap, if there is any; of
   * shared memory without swap it only ends their mapping: they stay, and the next touch maps them
   * again (process_madvise(2), MADV_PAGEOUT; needs the right to trace the process, and
   * CAP_SYS_NICE).
   *
   * @return how many bytes from the front have been gone through; or a negated error number (ESRCH:
   *     it has ended; EPERM; EINVAL before Linux 5.10 or for memory that cannot be taken out)
   */
  public long pageOut(long address, long bytes) {
    // SAFETY: the range is of the other process, where the kernel checks it; nothing is written.
    return Libc.processMadvise(descriptor.fd(), address, bytes, Abi.MADV_PAGEOUT);
  }

  @Override
  public void close() {
    descriptor.close();
  }
}
