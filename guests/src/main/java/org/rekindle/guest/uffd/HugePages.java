package org.rekindle.guest.uffd;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.uffd.PageRanges.Range;
import org.rekindle.image.MemoryMap;
import org.rekindle.linux.MappedMemory;

/*
 * The kernel fills a huge page in one piece, and our pages come one by one, in any order, most of
 * them early in the order of first touch and their neighbours late. So each huge page is collected
 * first, in a mapping of our own that is as large as the guest's and present only where something is
 * being collected: a page of zeros costs nothing, and when a huge page is complete and copied, its
 * memory here is given back. At worst, when each huge page lacks one page, this is as much as the
 * guest has; a fault on a huge page brings all of it at once.
 */

/** Collects small pages until a huge page is complete. */
final class HugePages implements AutoCloseable {
  private final int firstPage;
  private final int unitPages;
  private final short[] collected; // pages of each unit
  private final MappedMemory memory;

  /** For those of the ranges that have huge pages, all of one size; at least one does. */
  HugePages(List<Range> ranges) throws IOException {
    List<Range> huge = ranges.stream().filter(range -> range.unitPages() > 1).toList();
    unitPages = huge.getFirst().unitPages();
    if (huge.stream().anyMatch(range -> range.unitPages() != unitPages)) {
      throw new IllegalArgumentException("huge pages of more than one size");
    }
    firstPage = huge.stream().mapToInt(Range::firstPage).min().orElseThrow();
    int pages = huge.stream().mapToInt(Range::endPage).max().orElseThrow() - firstPage;
    collected = new short[pages / unitPages + 1];
    memory = MappedMemory.anonymous((long) pages * MemoryMap.PAGE_BYTES);
  }

  /** Units do not overlap, so the first pages of two never fall into the same slot. */
  private int slot(int unit) {
    return (unit - firstPage) / unitPages;
  }

  /**
   * Collects pages of one unit.
   *
   * @param unit the first page of the unit that they belong to
   * @param data null for zeros
   */
  void put(int unit, int page, int pages, @Nullable MemorySegment data, long offset) {
    if (data != null) {
      MemorySegment.copy(
          data, offset, memory.segment(), offsetOf(page), (long) pages * MemoryMap.PAGE_BYTES);
    }
    collected[slot(unit)] += (short) pages;
  }

  /** Forgets that pages were put: they will be put again. */
  void takeBack(int unit, int pages) {
    collected[slot(unit)] -= (short) pages;
  }

  boolean isComplete(int unit) {
    return collected[slot(unit)] == unitPages;
  }

  MemorySegment memory() {
    return memory.segment();
  }

  /** Where a page lies in {@link #memory}. */
  long offsetOf(int page) {
    return (long) (page - firstPage) * MemoryMap.PAGE_BYTES;
  }

  /** Begins anew with a unit, as zeros. */
  void clear(int unit) throws IOException {
    collected[slot(unit)] = 0;
    memory.discard(offsetOf(unit), (long) unitPages * MemoryMap.PAGE_BYTES);
  }

  /** Begins anew with all units of a range. */
  void clear(Range range) throws IOException {
    if (range.unitPages() == unitPages) {
      for (int unit = range.firstPage(); unit < range.endPage(); unit += unitPages) {
        clear(unit);
      }
    }
  }

  @Override
  public void close() {
    memory.close();
  }
}
