package org.rekindle.linux;

/**
 * Constants of the kernel's interface, under their C names, and the layouts of the few structs that
 * we fill by hand. Linux on x86-64 and arm64; the ABI test compares all of it with a C compiler.
 */
final class Abi {
  // fcntl.h; O_DIRECT is one of the few flags that differ between architectures.
  static final int O_RDONLY = 0;
  static final int O_CLOEXEC = 0x80000;
  static final int O_DIRECT = "aarch64".equals(System.getProperty("os.arch")) ? 0x10000 : 0x4000;
  static final int SEEK_END = 2;
  static final int POSIX_FADV_RANDOM = 1;
  static final int POSIX_FADV_DONTNEED = 4;

  // sys/uio.h
  static final int RWF_NOWAIT = 8;

  // sys/mman.h
  static final int PROT_READ = 1;
  static final int PROT_WRITE = 2;
  static final int MAP_SHARED = 1;
  static final int MAP_PRIVATE = 2;
  static final int MAP_ANONYMOUS = 0x20;
  static final int MADV_HUGEPAGE = 14;

  // linux/magic.h
  static final long TMPFS_MAGIC = 0x01021994;

  // sys/socket.h
  static final int AF_UNIX = 1;
  static final int SOCK_STREAM = 1;
  static final int SOCK_NONBLOCK = 0x800;
  static final int SOCK_CLOEXEC = 0x80000;
  static final int SOL_SOCKET = 1;
  static final int SO_SNDBUF = 7;
  static final int MSG_DONTWAIT = 0x40;
  static final int MSG_NOSIGNAL = 0x4000;

  // sys/eventfd.h
  static final int EFD_NONBLOCK = 0x800;
  static final int EFD_CLOEXEC = 0x80000;

  // poll.h
  static final short POLLIN = 0x1;
  static final short POLLOUT = 0x4;
  static final short POLLERR = 0x8;
  static final short POLLHUP = 0x10;
  static final short POLLNVAL = 0x20;

  /** {@code struct iovec { void *iov_base; size_t iov_len; }}. */
  static final int IOVEC_BYTES = 16;

  static final int IOVEC_BASE = 0;
  static final int IOVEC_LEN = 8;

  /** {@code struct timespec { time_t tv_sec; long tv_nsec; }}. */
  static final int TIMESPEC_BYTES = 16;

  static final int TIMESPEC_SEC = 0;
  static final int TIMESPEC_NSEC = 8;

  /** {@code struct pollfd { int fd; short events; short revents; }}. */
  static final int POLLFD_BYTES = 8;

  static final int POLLFD_FD = 0;
  static final int POLLFD_EVENTS = 4;
  static final int POLLFD_REVENTS = 6;

  /** {@code struct sockaddr_un { sa_family_t sun_family; char sun_path[108]; }}. */
  static final int SOCKADDR_UN_BYTES = 110;

  static final int SOCKADDR_UN_FAMILY = 0;
  static final int SOCKADDR_UN_PATH = 2;

  /** {@code struct statfs}; only f_type is looked at. */
  static final int STATFS_BYTES = 120;

  static final int STATFS_TYPE = 0;

  private Abi() {}
}
