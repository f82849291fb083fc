package org.rekindle.guest.process;

import java.util.List;
import org.rekindle.guest.process.inside.Backing;
import org.rekindle.guest.process.store.Workload;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;

/**
 * What a process guest is made of when it is new.
 *
 * @param bytes of its memory
 * @param backing what that memory is
 * @param workers its virtual CPUs; each has an equal part of the memory, with a store of its own
 * @param workload of each worker
 * @param seed of data and requests
 */
public record ProcessMachine(
    long bytes, Backing backing, int workers, Workload workload, long seed) {
  /** More threads than processors would only wait for each other. */
  private static final int MOST_WORKERS = 1024;

  public ProcessMachine {
    if (workers < 1 || workers > MOST_WORKERS) {
      throw new IllegalArgumentException("a process guest has 1 to 1024 workers: " + workers);
    }
  }

  /** Its memory as an image has it. */
  static MemoryMap memory(long bytes) {
    return new MemoryMap(List.of(new Region("mem0", bytes, MemoryMap.PAGE_BYTES)));
  }
}
