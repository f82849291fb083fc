package org.rekindle.image;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * All memory of a guest under one numbering.
 *
 * <p>A page is named outside by its region and its <em>gpn</em> (guest page number inside that
 * region), and inside Rekindle by one dense {@code page} number: the regions laid end to end in
 * their order. Bitmaps, plans and profiles are then plain arrays, and a page fits an {@code int} (8
 * TiB of guest).
 */
public final class MemoryMap {
  /** Bytes of a page: the unit of everything here, whatever the host backs it with. */
  public static final int PAGE_BYTES = 4096;

  private final List<Region> regions;
  private final int[] firstPage; // of each region, and the total at the end
  private final Map<String, Integer> indexByName = new HashMap<>();

  /**
   * @throws IllegalArgumentException if there is no region, a name occurs twice or there are 2^31
   *     pages or more
   */
  public MemoryMap(List<Region> regions) {
    if (regions.isEmpty()) {
      throw new IllegalArgumentException("a guest has at least one region");
    }
    this.regions = List.copyOf(regions);
    this.firstPage = new int[regions.size() + 1];
    for (int i = 0; i < regions.size(); i++) {
      if (indexByName.put(regions.get(i).name(), i) != null) {
        throw new IllegalArgumentException("region " + regions.get(i).name() + " occurs twice");
      }
      try {
        firstPage[i + 1] = Math.addExact(firstPage[i], regions.get(i).pages());
      } catch (ArithmeticException tooMany) {
        throw new IllegalArgumentException("more than 2^31 pages of guest memory", tooMany);
      }
    }
  }

  public List<Region> regions() {
    return regions;
  }

  public Region region(int index) {
    return regions.get(index);
  }

  /** Index of the named region, or -1. */
  public int indexOf(String name) {
    return indexByName.getOrDefault(name, -1);
  }

  /** Number of pages in all regions. */
  public int pages() {
    return firstPage[regions.size()];
  }

  /** Number of bytes in all regions. */
  public long bytes() {
    return (long) pages() * PAGE_BYTES;
  }

  /** The page number of the first page of a region. */
  public int firstPage(int region) {
    return firstPage[region];
  }

  /** The page number of page {@code gpn} of a region. */
  public int page(int region, int gpn) {
    return firstPage[region] + gpn;
  }

  /** The region that a page lies in. Regions are few (QEMU has about ten), so this walks. */
  public int regionOf(int page) {
    int region = 0;
    while (page >= firstPage[region + 1]) {
      region++;
    }
    return region;
  }

  /** The guest page number of a page inside its region. */
  public int gpn(int page) {
    return page - firstPage[regionOf(page)];
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof MemoryMap map && map.regions.equals(regions);
  }

  @Override
  public int hashCode() {
    return regions.hashCode();
  }

  @Override
  public String toString() {
    return regions.toString();
  }
}
