package org.rekindle.linux;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.file.Path;

/**
 * An open file descriptor and its one owner. After {@link #close} the number is -1, which every
 * system call answers with EBADF: a late call fails, it never reaches a stranger's file. A call
 * that runs at the same moment as close could; owners close after their threads have left.
 */
public final class Descriptor implements AutoCloseable {
  private static final VarHandle FD;

  static {
    try {
      FD = MethodHandles.lookup().findVarHandle(Descriptor.class, "fd", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private volatile int fd;

  Descriptor(int fd) {
    this.fd = fd;
  }

  /** Opens a file; the result is a negated error number where the kernel refuses. */
  static int tryOpen(Path file, int flags) {
    try (Arena arena = Arena.ofConfined()) {
      long path = arena.allocateFrom(file.toString()).address();
      int fd;
      do {
        // SAFETY: a C string that lives until the arena is closed.
        fd = Libc.open(path, flags | Abi.O_CLOEXEC);
      } while (fd == -Errno.EINTR);
      return fd;
    }
  }

  static Descriptor open(Path file, int flags) throws IOException {
    int fd = tryOpen(file, flags);
    if (fd < 0) {
      throw new LinuxException("open " + file, -fd);
    }
    return new Descriptor(fd);
  }

  /** The number; -1 once closed. */
  public int fd() {
    return fd;
  }

  /** Closes once. Linux frees the number whatever close reports: there is nothing to retry. */
  @Override
  public void close() {
    int open = (int) FD.getAndSet(this, -1);
    if (open >= 0) {
      Libc.close(open);
    }
  }
}
