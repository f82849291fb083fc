package org.rekindle.guest.criu;

import java.util.ArrayList;
import java.util.List;
import org.rekindle.guest.uffd.PageRanges;

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

  /** Where its pages lie when it begins to run; numbered from that of the first one on. */
  PageRanges ranges(int firstPage) {
    List<PageRanges.Range> all = new ArrayList<>(ranges.size());
    int page = firstPage;
    for (PageRange range : ranges) {
      all.add(new PageRanges.Range(range.address(), range.pages(), page, 1));
      page += range.pages();
    }
    return new PageRanges(all);
  }
}
