package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** What the calling thread has had of a processor, and how often it waited (getrusage(2)). */
public final class ThreadUsage {
  private final MemorySegment rusage = Arena.ofAuto().allocate(Abi.RUSAGE_BYTES, 8);

  /** Asks the kernel; the other methods tell what it said last. Allocates nothing. */
  public void read() {
    // SAFETY: the kernel writes one rusage into memory of its size, which this object keeps.
    int result = Libc.getrusage(Abi.RUSAGE_THREAD, rusage.address());
    if (result < 0) {
      throw new AssertionError("every thread has a usage: error " + -result);
    }
  }

  /** Processor time so far, in the kernel too, to the microsecond. */
  public long workedNs() {
    return ns(Abi.RUSAGE_UTIME_SEC, Abi.RUSAGE_UTIME_USEC)
        + ns(Abi.RUSAGE_STIME_SEC, Abi.RUSAGE_STIME_USEC);
  }

  /** How often the thread gave the processor up to wait for something; not how often it lost it. */
  public long waits() {
    return rusage.get(JAVA_LONG, Abi.RUSAGE_NVCSW);
  }

  private long ns(int seconds, int microseconds) {
    return rusage.get(JAVA_LONG, seconds) * 1_000_000_000
        + rusage.get(JAVA_LONG, microseconds) * 1_000;
  }
}
