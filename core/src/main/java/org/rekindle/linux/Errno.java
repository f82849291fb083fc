package org.rekindle.linux;

/** Error numbers of Linux on x86-64 and arm64 (asm-generic/errno-base.h and errno.h). */
public final class Errno {
  public static final int EPERM = 1;
  public static final int ENOENT = 2;
  public static final int ESRCH = 3;
  public static final int EINTR = 4;
  public static final int EIO = 5;
  public static final int ENXIO = 6;
  public static final int EBADF = 9;
  public static final int EAGAIN = 11;
  public static final int ENOMEM = 12;
  public static final int EACCES = 13;
  public static final int EFAULT = 14;
  public static final int EBUSY = 16;
  public static final int EEXIST = 17;
  public static final int EINVAL = 22;
  public static final int EMFILE = 24;
  public static final int ENOTTY = 25;
  public static final int ENOSPC = 28;
  public static final int EPIPE = 32;
  public static final int ENOPROTOOPT = 92;
  public static final int EOPNOTSUPP = 95;
  public static final int EADDRINUSE = 98;
  public static final int ECONNABORTED = 103;
  public static final int ECONNRESET = 104;
  public static final int ECONNREFUSED = 111;

  private Errno() {}

  /** The kernel's words for an error number, with the number. */
  public static String describe(int errno) {
    return switch (errno) {
      case EPERM -> "operation not permitted (EPERM)";
      case ENOENT -> "no such file or directory (ENOENT)";
      case ESRCH -> "no such process (ESRCH)";
      case EINTR -> "interrupted (EINTR)";
      case EIO -> "input/output error (EIO)";
      case ENXIO -> "no such device or address (ENXIO)";
      case EBADF -> "descriptor is closed (EBADF)";
      case EAGAIN -> "would block (EAGAIN)";
      case ENOMEM -> "out of memory (ENOMEM)";
      case EACCES -> "permission denied (EACCES)";
      case EFAULT -> "bad address (EFAULT)";
      case EBUSY -> "in use by somebody else (EBUSY)";
      case EEXIST -> "exists already (EEXIST)";
      case EINVAL -> "invalid argument (EINVAL)";
      case EMFILE -> "too many open files; raise the limit (ulimit -n) (EMFILE)";
      case ENOTTY -> "not known to this kernel (ENOTTY)";
      case ENOSPC -> "no space left on device (ENOSPC)";
      case EPIPE -> "peer closed the connection (EPIPE)";
      case ENOPROTOOPT -> "unknown socket option (ENOPROTOOPT)";
      case EOPNOTSUPP -> "not supported (EOPNOTSUPP)";
      case EADDRINUSE -> "address in use (EADDRINUSE)";
      case ECONNABORTED -> "connection aborted (ECONNABORTED)";
      case ECONNRESET -> "connection reset by peer (ECONNRESET)";
      case ECONNREFUSED -> "nobody is listening (ECONNREFUSED)";
      default -> "error number " + errno;
    };
  }
}
