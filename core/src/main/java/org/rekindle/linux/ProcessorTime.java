package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Processor time to the nanosecond; the JDK tells that of a process in hundredths of a second. */
public final class ProcessorTime {
  private ProcessorTime() {}

  /** Of all threads of this process so far, those that have ended too (clock_gettime(2)). */
  public static long ofThisProcessNs() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment time = arena.allocate(Abi.TIMESPEC_BYTES, 8);
      // SAFETY: the kernel writes one timespec into memory of its size.
      int result = Libc.clockGettime(Abi.CLOCK_PROCESS_CPUTIME_ID, time.address());
      if (result < 0) {
        throw new AssertionError("every process has this clock: error " + -result);
      }
      return time.get(JAVA_LONG, Abi.TIMESPEC_SEC) * 1_000_000_000
          + time.get(JAVA_LONG, Abi.TIMESPEC_NSEC);
    }
  }
}
