package org.rekindle.linux;

import java.io.IOException;
import java.lang.foreign.Arena;

/** Memory that several mappings and processes can share (memfd_create(2)); zeros at first. */
public final class MemoryFile implements AutoCloseable {
  private final Descriptor descriptor;
  private final long bytes;

  private MemoryFile(Descriptor descriptor, long bytes) {
    this.descriptor = descriptor;
    this.bytes = bytes;
  }

  /**
   * Makes one.
   *
   * @param name for {@code /proc/PID/maps}
   * @param bytes its size; of huge pages a multiple of 2 MiB
   * @param huge whether it is of huge pages of 2 MiB, from the system's pool of them
   */
  public static MemoryFile create(String name, long bytes, boolean huge) throws IOException {
    int flags = Abi.MFD_CLOEXEC | (huge ? Abi.MFD_HUGETLB | Abi.MFD_HUGE_2MB : 0);
    int fd;
    try (Arena arena = Arena.ofConfined()) {
      // SAFETY: a C string that lives until the arena is closed.
      fd = Libc.memfdCreate(arena.allocateFrom(name).address(), flags);
    }
    if (fd < 0) {
      throw new LinuxException("make the memory file " + name, -fd);
    }
    Descriptor descriptor = new Descriptor(fd);
    int result = Libc.ftruncate(fd, bytes);
    if (result < 0) {
      descriptor.close();
      throw new LinuxException(
          "make the memory file %s %d bytes long".formatted(name, bytes), -result);
    }
    return new MemoryFile(descriptor, bytes);
  }

  public long bytes() {
    return bytes;
  }

  /** To be sent to another process; -1 once closed. */
  public int fd() {
    return descriptor.fd();
  }

  /** Closes the file; mappings of it live on. */
  @Override
  public void close() {
    descriptor.close();
  }
}
