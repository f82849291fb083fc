package org.rekindle.guest.criu;

import java.util.List;

/**
 * A process of a dump: which of its pages the image has.
 *
 * @param pid in the PID namespace that was dumped
 * @param ranges ascending, without overlaps, none across the end of a mapping; empty if CRIU
 *     restores all of its memory itself
 */
record SavedTask(int pid, List<PageRange> ranges) {
  SavedTask {
    ranges = List.copyOf(ranges);
  }

  /** The name of its region in the image. */
  String region() {
    return Integer.toString(pid);
  }

  long pages() {
    return ranges.stream().mapToLong(PageRange::pages).sum();
  }
}
