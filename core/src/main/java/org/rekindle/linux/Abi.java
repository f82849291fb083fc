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
  static final int O_RDWR = 2;
  static final int O_NONBLOCK = 0x800;
  static final int F_GETFL = 3;
  static final int F_SETFL = 4;
  static final int SEEK_END = 2;
  static final int SEEK_DATA = 3;
  static final int SEEK_HOLE = 4;
  static final int POSIX_FADV_RANDOM = 1;
  static final int POSIX_FADV_SEQUENTIAL = 2;
  static final int POSIX_FADV_DONTNEED = 4;

  // sys/uio.h
  static final int RWF_NOWAIT = 8;

  // sys/mman.h
  static final int PROT_READ = 1;
  static final int PROT_WRITE = 2;
  static final int MAP_SHARED = 1;
  static final int MAP_PRIVATE = 2;
  static final int MAP_ANONYMOUS = 0x20;
  static final int MAP_NORESERVE = 0x4000;
  static final int MAP_HUGETLB = 0x40000;
  static final int MAP_HUGE_2MB = 21 << 26;
  static final int MADV_DONTNEED = 4;
  static final int MADV_REMOVE = 9;
  static final int MADV_HUGEPAGE = 14;
  static final int MADV_NOHUGEPAGE = 15;
  static final int MADV_PAGEOUT = 21;
  static final int MFD_CLOEXEC = 1;
  static final int MFD_HUGETLB = 4;
  static final int MFD_HUGE_2MB = 21 << 26;

  // linux/magic.h
  static final long TMPFS_MAGIC = 0x01021994;

  // sys/socket.h
  static final int AF_UNIX = 1;
  static final int SOCK_STREAM = 1;
  static final int SOCK_NONBLOCK = 0x800;
  static final int SOCK_CLOEXEC = 0x80000;
  static final int SOL_SOCKET = 1;
  static final int SO_SNDBUF = 7;
  static final int SO_PASSCRED = 16;
  static final int SO_PEERCRED = 17;
  static final int SO_PEERPIDFD = 77;
  static final int SCM_RIGHTS = 1;
  static final int SCM_CREDENTIALS = 2;
  static final int MSG_CTRUNC = 0x8;
  static final int MSG_DONTWAIT = 0x40;
  static final int MSG_NOSIGNAL = 0x4000;
  static final int MSG_CMSG_CLOEXEC = 0x40000000;

  // sys/eventfd.h
  static final int EFD_NONBLOCK = 0x800;
  static final int EFD_CLOEXEC = 0x80000;

  // poll.h
  static final short POLLIN = 0x1;
  static final short POLLOUT = 0x4;
  static final short POLLERR = 0x8;
  static final short POLLHUP = 0x10;
  static final short POLLNVAL = 0x20;

  // sys/syscall.h
  static final int SYS_USERFAULTFD = "aarch64".equals(System.getProperty("os.arch")) ? 282 : 323;
  static final int SYS_PIDFD_OPEN = 434;
  static final int SYS_PIDFD_SEND_SIGNAL = 424;
  static final int SYS_PROCESS_MADVISE = 440;

  // linux/fs.h: PAGEMAP_SCAN, since Linux 6.7
  static final long PAGEMAP_SCAN = 0xc0606610L;
  static final int PAGE_IS_WRITTEN = 1 << 1;
  static final int PM_SCAN_WP_MATCHING = 1;
  static final int PM_SCAN_CHECK_WPASYNC = 1 << 1;

  /** {@code struct pm_scan_arg}: twelve words; those that are not named here stay zero. */
  static final int PM_SCAN_ARG_BYTES = 96;

  static final int PM_SCAN_ARG_FLAGS = 8;
  static final int PM_SCAN_ARG_START = 16;
  static final int PM_SCAN_ARG_END = 24;
  static final int PM_SCAN_ARG_WALK_END = 32;
  static final int PM_SCAN_ARG_VEC = 40;
  static final int PM_SCAN_ARG_VEC_LEN = 48;
  static final int PM_SCAN_ARG_CATEGORY_MASK = 72;
  static final int PM_SCAN_ARG_RETURN_MASK = 88;

  /** {@code struct page_region { __u64 start, end, categories; }}. */
  static final int PAGE_REGION_BYTES = 24;

  static final int PAGE_REGION_END = 8;

  // linux/userfaultfd.h
  static final int UFFD_API = 0xaa;
  static final int UFFD_USER_MODE_ONLY = 1;
  static final long USERFAULTFD_IOC_NEW = 0xaa00;
  static final long UFFDIO_API = 0xc018aa3fL;
  static final long UFFDIO_REGISTER = 0xc020aa00L;
  static final long UFFDIO_UNREGISTER = 0x8010aa01L;
  static final long UFFDIO_WAKE = 0x8010aa02L;
  static final long UFFDIO_COPY = 0xc028aa03L;
  static final long UFFDIO_ZEROPAGE = 0xc020aa04L;
  static final long UFFDIO_WRITEPROTECT = 0xc018aa06L;
  static final long UFFDIO_CONTINUE = 0xc020aa07L;
  static final long UFFDIO_POISON = 0xc020aa08L;
  static final int UFFDIO_ZEROPAGE_NUMBER = 4;
  static final int UFFDIO_COPY_MODE_DONTWAKE = 1;
  static final int UFFDIO_ZEROPAGE_MODE_DONTWAKE = 1;
  static final int UFFDIO_CONTINUE_MODE_DONTWAKE = 1;
  static final int UFFDIO_WRITEPROTECT_MODE_WP = 1;
  static final int UFFDIO_WRITEPROTECT_MODE_DONTWAKE = 2;
  static final int UFFDIO_REGISTER_MODE_MISSING = 1;
  static final int UFFDIO_REGISTER_MODE_WP = 2;
  static final int UFFDIO_REGISTER_MODE_MINOR = 4;
  static final int UFFD_FEATURE_PAGEFAULT_FLAG_WP = 1;
  static final int UFFD_FEATURE_EVENT_FORK = 1 << 1;
  static final int UFFD_FEATURE_EVENT_REMAP = 1 << 2;
  static final int UFFD_FEATURE_EVENT_REMOVE = 1 << 3;
  static final int UFFD_FEATURE_MISSING_HUGETLBFS = 1 << 4;
  static final int UFFD_FEATURE_MISSING_SHMEM = 1 << 5;
  static final int UFFD_FEATURE_EVENT_UNMAP = 1 << 6;
  static final int UFFD_FEATURE_THREAD_ID = 1 << 8;
  static final int UFFD_FEATURE_MINOR_SHMEM = 1 << 10;
  static final int UFFD_FEATURE_EXACT_ADDRESS = 1 << 11;
  static final int UFFD_FEATURE_WP_HUGETLBFS_SHMEM = 1 << 12;
  static final int UFFD_FEATURE_WP_UNPOPULATED = 1 << 13;
  static final int UFFD_FEATURE_WP_ASYNC = 1 << 15;
  static final int UFFD_EVENT_PAGEFAULT = 0x12;
  static final int UFFD_EVENT_FORK = 0x13;
  static final int UFFD_EVENT_REMAP = 0x14;
  static final int UFFD_EVENT_REMOVE = 0x15;
  static final int UFFD_EVENT_UNMAP = 0x16;
  static final int UFFD_PAGEFAULT_FLAG_WRITE = 1;
  static final int UFFD_PAGEFAULT_FLAG_WP = 2;
  static final int UFFD_PAGEFAULT_FLAG_MINOR = 4;

  /** {@code struct uffdio_api { __u64 api, features, ioctls; }}. */
  static final int UFFDIO_API_BYTES = 24;

  static final int UFFDIO_API_FEATURES = 8;
  static final int UFFDIO_API_IOCTLS = 16;

  /** {@code struct uffdio_range { __u64 start, len; }}, with which the others begin. */
  static final int UFFDIO_RANGE_BYTES = 16;

  static final int UFFDIO_RANGE_LEN = 8;
  static final int UFFDIO_REGISTER_MODE = 16;
  static final int UFFDIO_REGISTER_IOCTLS = 24;
  static final int UFFDIO_WRITEPROTECT_MODE = 16;

  /** {@code struct uffdio_copy { __u64 dst, src, len, mode; __s64 copy; }}. */
  static final int UFFDIO_COPY_BYTES = 40;

  static final int UFFDIO_COPY_SRC = 8;
  static final int UFFDIO_COPY_LEN = 16;
  static final int UFFDIO_COPY_MODE = 24;
  static final int UFFDIO_COPY_COPY = 32;

  /** {@code struct uffdio_zeropage { struct uffdio_range; __u64 mode; __s64 zeropage; }}. */
  static final int UFFDIO_ZEROPAGE_MODE = 16;

  static final int UFFDIO_ZEROPAGE_ZEROPAGE = 24;
  static final int UFFDIO_CONTINUE_MODE = 16;
  static final int UFFDIO_CONTINUE_MAPPED = 24;

  /**
   * {@code struct uffdio_poison { struct uffdio_range; __u64 mode; __s64 updated; }} (Linux 6.6).
   */
  static final int UFFDIO_POISON_MODE = 16;

  static final int UFFDIO_POISON_UPDATED = 24;

  /** {@code struct uffd_msg}: event, and 24 bytes whose meaning depends on it. */
  static final int UFFD_MSG_BYTES = 32;

  static final int UFFD_MSG_EVENT = 0;
  static final int UFFD_MSG_PAGEFAULT_FLAGS = 8;
  static final int UFFD_MSG_PAGEFAULT_ADDRESS = 16;
  static final int UFFD_MSG_PAGEFAULT_PTID = 24;
  static final int UFFD_MSG_FORK_UFD = 8;
  static final int UFFD_MSG_REMAP_FROM = 8;
  static final int UFFD_MSG_REMAP_TO = 16;
  static final int UFFD_MSG_REMAP_LEN = 24;
  static final int UFFD_MSG_REMOVE_START = 8;
  static final int UFFD_MSG_REMOVE_END = 16;

  /** {@code struct ucred { pid_t pid; uid_t uid; gid_t gid; }}. */
  static final int UCRED_BYTES = 12;

  static final int UCRED_PID = 0;
  static final int UCRED_UID = 4;
  static final int UCRED_GID = 8;

  /** {@code struct msghdr}, name and namelen of which stay zero. */
  static final int MSGHDR_BYTES = 56;

  static final int MSGHDR_IOV = 16;
  static final int MSGHDR_IOVLEN = 24;
  static final int MSGHDR_CONTROL = 32;
  static final int MSGHDR_CONTROLLEN = 40;
  static final int MSGHDR_FLAGS = 48;

  /** {@code struct cmsghdr { size_t cmsg_len; int cmsg_level, cmsg_type; }}, then the data. */
  static final int CMSGHDR_BYTES = 16;

  static final int CMSGHDR_LEN = 0;
  static final int CMSGHDR_LEVEL = 8;
  static final int CMSGHDR_TYPE = 12;

  /** {@code struct iovec { void *iov_base; size_t iov_len; }}. */
  static final int IOVEC_BYTES = 16;

  static final int IOVEC_BASE = 0;
  static final int IOVEC_LEN = 8;

  // time.h
  static final int CLOCK_PROCESS_CPUTIME_ID = 2;

  /** {@code struct timespec { time_t tv_sec; long tv_nsec; }}. */
  static final int TIMESPEC_BYTES = 16;

  static final int TIMESPEC_SEC = 0;
  static final int TIMESPEC_NSEC = 8;

  // sys/resource.h
  static final int RUSAGE_THREAD = 1;

  /** {@code struct rusage}, of which these are used. */
  static final int RUSAGE_BYTES = 144;

  static final int RUSAGE_UTIME_SEC = 0;
  static final int RUSAGE_UTIME_USEC = 8;
  static final int RUSAGE_STIME_SEC = 16;
  static final int RUSAGE_STIME_USEC = 24;
  static final int RUSAGE_NVCSW = 128;

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
