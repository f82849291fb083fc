package org.rekindle.guest.uffd;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;

/**
 * Which pages of an image belong at which addresses of a process. No address has two pages, and no
 * page two addresses; pages may have none. Looking up allocates nothing, changing may.
 */
public final class PageRanges {
  /**
   * Consecutive pages at consecutive addresses.
   *
   * @param start address of the first; a multiple of the unit
   * @param pages how many; a multiple of the unit
   * @param firstPage dense number of the first (see {@link MemoryMap})
   * @param unitPages how many pages the process's memory manager has in one piece: 1, or 512 where
   *     it uses huge pages of 2 MiB
   */
  public record Range(long start, int pages, int firstPage, int unitPages) {
    public Range {
      long unitBytes = (long) unitPages * MemoryMap.PAGE_BYTES;
      if (unitPages < 1 || pages <= 0 || firstPage < 0 || firstPage > Integer.MAX_VALUE - pages) {
        throw new IllegalArgumentException(
            "%d pages from %d on in units of %d".formatted(pages, firstPage, unitPages));
      }
      if (start < 0
          || start % unitBytes != 0
          || pages % unitPages != 0
          || start > Long.MAX_VALUE - (long) pages * MemoryMap.PAGE_BYTES) {
        throw new IllegalArgumentException(
            "%d pages at 0x%x do not come in units of %d bytes".formatted(pages, start, unitBytes));
      }
    }

    /** The first address behind it. */
    public long end() {
      return start + (long) pages * MemoryMap.PAGE_BYTES;
    }

    int endPage() {
      return firstPage + pages;
    }

    long addressOf(int page) {
      return start + (long) (page - firstPage) * MemoryMap.PAGE_BYTES;
    }

    /** The page at an address inside. */
    int pageAt(long address) {
      return firstPage + (int) ((address - start) / MemoryMap.PAGE_BYTES);
    }

    /** The whole units between two addresses; null if there is none. */
    @Nullable Range part(long from, long to) {
      long unitBytes = (long) unitPages * MemoryMap.PAGE_BYTES;
      long skipped = (Math.max(start, from) - start + unitBytes - 1) / unitBytes * unitPages;
      long kept = (Math.min(end(), to) - start) / unitBytes * unitPages;
      return skipped >= kept
          ? null
          : new Range(
              start + skipped * MemoryMap.PAGE_BYTES,
              (int) (kept - skipped),
              (int) (firstPage + skipped),
              unitPages);
    }

    Range movedBy(long distance) {
      return new Range(start + distance, pages, firstPage, unitPages);
    }
  }

  private final List<Range> byAddress = new ArrayList<>();
  private final List<Range> byPage = new ArrayList<>();

  /** None yet. */
  public PageRanges() {}

  /**
   * All at once: for processes that have thousands of them.
   *
   * @throws IllegalArgumentException if two of them have an address or a page in common
   */
  public PageRanges(Collection<Range> ranges) {
    replaceAll(ranges);
    for (int i = 1; i < ranges.size(); i++) {
      checkApart(byAddress.get(i - 1), byAddress.get(i));
      checkApart(byPage.get(i - 1), byPage.get(i));
    }
  }

  /** The same ranges, to be changed apart: what a child has that was forked. */
  public PageRanges copy() {
    PageRanges copy = new PageRanges();
    copy.byAddress.addAll(byAddress);
    copy.byPage.addAll(byPage);
    return copy;
  }

  /**
   * Adds a range.
   *
   * @throws IllegalArgumentException if some of its addresses or pages belong to another
   */
  public void add(Range range) {
    for (Range other : byAddress) {
      checkApart(other, range);
    }
    byAddress.add(range);
    byPage.add(range);
    sort();
  }

  private static void checkApart(Range other, Range range) {
    if (other.start < range.end() && range.start < other.end()) {
      throw new IllegalArgumentException(
          "0x%x-0x%x overlaps 0x%x-0x%x"
              .formatted(range.start, range.end(), other.start, other.end()));
    }
    if (other.firstPage < range.endPage() && range.firstPage < other.endPage()) {
      throw new IllegalArgumentException(
          "pages %d-%d at 0x%x are those at 0x%x too"
              .formatted(range.firstPage, range.endPage() - 1, range.start, other.start));
    }
  }

  /** Takes the addresses from start to before end out of all ranges. */
  public void remove(long start, long end) {
    if (between(start, end).isEmpty()) {
      return;
    }
    List<Range> left = new ArrayList<>();
    for (Range range : byAddress) {
      addPart(left, range.part(Long.MIN_VALUE, start));
      addPart(left, range.part(end, Long.MAX_VALUE));
    }
    replaceAll(left);
  }

  /** What lay at {@code from} lies at {@code to} now; what lay there before is gone. */
  public void move(long from, long to, long bytes) {
    List<Range> parts = between(from, from + bytes);
    remove(from, from + bytes);
    remove(to, to + bytes);
    List<Range> all = new ArrayList<>(byAddress);
    parts.forEach(part -> all.add(part.movedBy(to - from)));
    replaceAll(all);
  }

  private static void addPart(List<Range> parts, @Nullable Range part) {
    if (part != null) {
      parts.add(part);
    }
  }

  private void replaceAll(Collection<Range> ranges) {
    byAddress.clear();
    byAddress.addAll(ranges);
    byPage.clear();
    byPage.addAll(ranges);
    sort();
  }

  private void sort() {
    byAddress.sort(Comparator.comparingLong(Range::start));
    byPage.sort(Comparator.comparingInt(Range::firstPage));
  }

  /** The ranges by ascending address. */
  public List<Range> all() {
    return List.copyOf(byAddress);
  }

  /** The parts of ranges from an address to before another, by ascending address. */
  public List<Range> between(long from, long to) {
    List<Range> parts = new ArrayList<>();
    for (Range range : byAddress) {
      addPart(parts, range.part(from, to));
    }
    return parts;
  }

  /** The parts of ranges that have some of the pages from a first one on, by ascending page. */
  public List<Range> withPages(int page, int pages) {
    List<Range> parts = new ArrayList<>();
    for (int next = page; next < page + pages; ) {
      Range range = from(next);
      if (range == null || range.firstPage >= page + pages) {
        break;
      }
      int first = Math.max(next, range.firstPage);
      next = Math.min(range.endPage(), page + pages);
      addPart(
          parts,
          range.part(
              range.addressOf(first),
              range.addressOf(first) + (long) (next - first) * MemoryMap.PAGE_BYTES));
    }
    return parts;
  }

  /** The start of the first range behind an address; {@link Long#MAX_VALUE} if there is none. */
  long startBehind(long address) {
    int low = 0;
    int high = byAddress.size();
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (byAddress.get(middle).start <= address) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low == byAddress.size() ? Long.MAX_VALUE : byAddress.get(low).start;
  }

  /** The range that holds an address, or null. */
  @Nullable Range at(long address) {
    int low = 0;
    int high = byAddress.size() - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      Range range = byAddress.get(middle);
      if (address < range.start) {
        high = middle - 1;
      } else if (address >= range.end()) {
        low = middle + 1;
      } else {
        return range;
      }
    }
    return null;
  }

  /** The range that holds a page, or the next one behind it; null if there is none. */
  @Nullable Range from(int page) {
    int low = 0;
    int high = byPage.size();
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (byPage.get(middle).endPage() <= page) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low == byPage.size() ? null : byPage.get(low);
  }
}
