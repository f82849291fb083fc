package org.rekindle.linux;

import java.io.IOException;

/** A system call failed in a way that is not part of normal operation. */
public final class LinuxException extends IOException {
  private static final long serialVersionUID = 1L;

  private final int errno;

  /**
   * @param what the operation and its subject, such as {@code "connect to /run/vm.sock"}
   * @param errno the kernel's error number
   */
  public LinuxException(String what, int errno) {
    super(what + ": " + Errno.describe(errno));
    this.errno = errno;
  }

  public int errno() {
    return errno;
  }
}
