package org.rekindle.guest.uffd;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.uffd.PageRanges.Range;
import org.rekindle.image.MemoryMap;
import org.rekindle.json.Json;

/**
 * The message in which a VMM says where its guest memory lies: a JSON array, one object for each
 * region.
 *
 * <pre>
 * [{"base_host_virt_addr": 140102385631232,   address in the VMM
 *   "size":                536870912,         bytes
 *   "offset":              0,                 of its content in the memory file
 *   "page_size":           4096,              bytes; Firecracker 1.11 and later
 *   "page_size_kib":       4096}]             the same, in bytes in spite of its name; 1.7 and later
 * </pre>
 *
 * <p>Members that are not known are ignored; without a page size it is 4096. Whoever sends it may
 * be mistaken or hostile, so everything is checked before it is used.
 */
final class RegionList {
  /** Linux gives user space at most 57 bits of address on x86-64 (five-level page tables). */
  private static final long ADDRESS_END = 1L << 57;

  private static final int HUGE_PAGE_BYTES = 2 << 20;

  private RegionList() {}

  /** What a VMM sends. */
  static String write(List<HandedRegion> regions) {
    List<Map<String, @Nullable Object>> list = new ArrayList<>();
    for (HandedRegion region : regions) {
      Map<String, @Nullable Object> json = new LinkedHashMap<>();
      json.put("base_host_virt_addr", region.address());
      json.put("size", region.bytes());
      json.put("offset", region.offset());
      json.put("page_size", region.pageBytes());
      json.put("page_size_kib", region.pageBytes());
      list.add(json);
    }
    return Json.compact(list);
  }

  /**
   * Reads a message, and checks what can be checked without the image.
   *
   * @param json the message as {@link Json#parse} gives it
   * @throws IllegalArgumentException that says what is wrong with it
   */
  static List<HandedRegion> of(@Nullable Object json) {
    if (!(json instanceof List<?> list) || list.isEmpty()) {
      throw new IllegalArgumentException("a JSON array of regions was expected");
    }
    List<HandedRegion> regions = new ArrayList<>();
    for (Object element : list) {
      if (!(element instanceof Map<?, ?> members)) {
        throw new IllegalArgumentException("region %d is no object".formatted(regions.size()));
      }
      regions.add(region(members, "region %d: ".formatted(regions.size())));
    }
    return regions;
  }

  private static HandedRegion region(Map<?, ?> members, String where) {
    long address = number(members, "base_host_virt_addr", where);
    long bytes = number(members, "size", where);
    long offset = number(members, "offset", where);
    long pageBytes =
        members.containsKey("page_size")
            ? number(members, "page_size", where)
            : members.containsKey("page_size_kib")
                ? number(members, "page_size_kib", where)
                : MemoryMap.PAGE_BYTES;
    if (pageBytes != MemoryMap.PAGE_BYTES && pageBytes != HUGE_PAGE_BYTES) {
      throw new IllegalArgumentException(
          where + "pages of %d bytes; only 4096 and 2097152 are served".formatted(pageBytes));
    }
    if (bytes == 0 || bytes % pageBytes != 0 || address % pageBytes != 0) {
      throw new IllegalArgumentException(
          where + "%d bytes at 0x%x are no whole pages".formatted(bytes, address));
    }
    if (offset % MemoryMap.PAGE_BYTES != 0) {
      throw new IllegalArgumentException(
          where + "offset %d is no multiple of 4096".formatted(offset));
    }
    if (address >= ADDRESS_END || bytes > ADDRESS_END - address) {
      throw new IllegalArgumentException(
          where + "%d bytes at 0x%x are no addresses of a process".formatted(bytes, address));
    }
    return new HandedRegion(address, bytes, offset, (int) pageBytes);
  }

  private static long number(Map<?, ?> members, String name, String where) {
    if (members.get(name) instanceof Long number && number >= 0) {
      return number;
    }
    throw new IllegalArgumentException(
        where + "\"%s\" should be a whole number but is %s".formatted(name, members.get(name)));
  }

  /**
   * Which pages of an image the regions are: all of it, each page once.
   *
   * @throws IllegalArgumentException that says where they do not fit
   */
  static PageRanges ranges(List<HandedRegion> regions, MemoryMap memory) {
    List<HandedRegion> inFile =
        regions.stream().sorted(Comparator.comparingLong(HandedRegion::offset)).toList();
    long covered = 0;
    for (HandedRegion region : inFile) {
      if (region.offset() != covered) {
        throw new IllegalArgumentException(
            "a region begins at offset %d of the memory file, where %d was expected"
                .formatted(region.offset(), covered));
      }
      covered = Math.min(covered + region.bytes(), ADDRESS_END);
    }
    if (covered != memory.bytes()) {
      throw new IllegalArgumentException(
          "the regions have %d bytes, the image's memory %d; is it another machine's?"
              .formatted(covered, memory.bytes()));
    }
    PageRanges ranges = new PageRanges();
    for (HandedRegion region : regions) {
      ranges.add(
          new Range(
              region.address(),
              (int) (region.bytes() / MemoryMap.PAGE_BYTES),
              (int) (region.offset() / MemoryMap.PAGE_BYTES),
              region.pageBytes() / MemoryMap.PAGE_BYTES));
    }
    return ranges;
  }
}
