package org.rekindle.scan;

import java.io.IOException;
import org.rekindle.linux.Errno;
import org.rekindle.linux.LinuxException;
import org.rekindle.linux.PageMap;
import org.rekindle.linux.PidFd;

/**
 * Memory of a running guest, as its process has it mapped.
 *
 * @param pid of the process
 * @param region its name in an image of the guest
 * @param address of its first page in the process
 */
public record ScannedMemory(long pid, String region, long address, int pages) {
  static final int PAGE_BYTES = 4096;

  long address(int page) {
    return address + (long) page * PAGE_BYTES;
  }

  PidFd openProcess() throws IOException {
    return PidFd.open(Math.toIntExact(pid)).orElseThrow(this::ended);
  }

  PageMap openPageMap() throws IOException {
    try {
      return PageMap.open(pid);
    } catch (LinuxException refused) {
      if (refused.errno() == Errno.ENOENT) {
        throw ended();
      }
      throw new IOException("cannot look into process " + pid + "; scan as root", refused);
    }
  }

  IOException ended() {
    return new IOException(
        "process %d, which was scanned, has ended; scan again when it runs".formatted(pid));
  }
}
