package org.rekindle.lab;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.rekindle.linux.FreshMemory;

/*
 * A virtual machine may report its free memory to its host, which takes it back (free page reporting,
 * Linux's mm/page_reporting.c: blocks of 2 MiB, two seconds after they were freed). Whoever uses such a
 * block next waits for the host: 5 ms, where clearing a huge page takes 0.1. QEMU's guest memory lies in huge
 * pages, so a stock restore of 512 MiB took 1.5 s or 0.5, by what had been freed shortly before and by
 * whom: it was the hypervisor below us that was measured. On hardware there is no such wait.
 *
 * So before each measured restore as much memory as it will use is used and freed. What was freed last
 * is given out first.
 */

/** Has the machine's free memory really there before a measurement. */
public final class HostMemory {
  /** Enough for the guests here; larger ones bring no more than their working set at once. */
  private static final long MOST_BYTES = 2L << 30;

  private HostMemory() {}

  /** Uses so much free memory, at most 2 GiB, and frees it. */
  public static void touch(long bytes) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = FreshMemory.allocateHuge(Math.min(bytes, MOST_BYTES), arena);
      memory.fill((byte) 1);
    }
  }
}
