package org.rekindle.lab;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.rekindle.guest.qemu.Qmp;
import org.rekindle.guest.qemu.RamBlockLocator;
import org.rekindle.image.Image;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageReader;
import org.rekindle.image.Region;
import org.rekindle.linux.ProcessMemory;

/**
 * Compares the memory of a guest that does not run with an image, page by page, from outside: reads
 * the process itself, so that neither the VMM's nor the guest's word is taken for it.
 *
 * <p>Only after the restore has ended: a page that is still missing would block the reader.
 *
 * @param pages how many pages were compared
 * @param different how many of them differ
 * @param first the first few that differ
 */
public record MemoryComparison(long pages, long different, List<Difference> first) {
  private static final int MAX_LISTED = 16;
  private static final int CHUNK_PAGES = 256;

  /** A page that differs, and the first byte of it that does. */
  public record Difference(String region, int gpn, long byteOffset) {
    @Override
    public String toString() {
      return "%s page %d byte %d".formatted(region, gpn, byteOffset);
    }
  }

  public boolean isIdentical() {
    return different == 0;
  }

  /**
   * Compares all regions of the image with those of a paused QEMU.
   *
   * @param qmp monitor of the QEMU process {@code pid}
   * @throws IOException if a region cannot be found in the process or read
   */
  public static MemoryComparison compare(Image image, long pid, Qmp qmp) throws IOException {
    RamBlockLocator locator = RamBlockLocator.of(pid, qmp);
    MemoryMap memory = image.memory();
    long pages = 0;
    long different = 0;
    List<Difference> first = new ArrayList<>();
    try (PageReader reader = image.newPageReader()) {
      for (int i = 0; i < memory.regions().size(); i++) {
        Region region = memory.region(i);
        MemoryComparison best = null;
        for (long address : locator.addresses(region.name())) {
          MemoryComparison found = compare(reader, pid, region, memory.firstPage(i), address);
          if (best == null || found.different < best.different) {
            best = found;
          }
        }
        if (best == null) {
          throw new IOException(
              "QEMU process " + pid + " has no memory that could be region " + region.name());
        }
        pages += best.pages;
        different += best.different;
        best.first.stream().limit(MAX_LISTED - first.size()).forEach(first::add);
      }
    }
    return new MemoryComparison(pages, different, List.copyOf(first));
  }

  /** Compares one region with what lies from an address of a process on. */
  static MemoryComparison compare(Image image, long pid, int region, long address)
      throws IOException {
    MemoryMap memory = image.memory();
    try (PageReader reader = image.newPageReader()) {
      return compare(reader, pid, memory.region(region), memory.firstPage(region), address);
    }
  }

  private static MemoryComparison compare(
      PageReader reader, long pid, Region region, int firstPage, long address) throws IOException {
    long different = 0;
    List<Difference> first = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment expected = arena.allocate(MemoryMap.PAGE_BYTES, 8);
      MemorySegment chunk = arena.allocate((long) CHUNK_PAGES * MemoryMap.PAGE_BYTES, 8);
      for (int gpn = 0; gpn < region.pages(); gpn++) {
        int inChunk = gpn % CHUNK_PAGES;
        if (inChunk == 0) {
          long bytes =
              Math.min(chunk.byteSize(), region.bytes() - (long) gpn * MemoryMap.PAGE_BYTES);
          ProcessMemory.read(
              pid, address + (long) gpn * MemoryMap.PAGE_BYTES, chunk.asSlice(0, bytes));
        }
        reader.read(firstPage + gpn, expected, 0);
        long offset = (long) inChunk * MemoryMap.PAGE_BYTES;
        long mismatch = chunk.asSlice(offset, MemoryMap.PAGE_BYTES).mismatch(expected);
        if (mismatch >= 0) {
          different++;
          if (first.size() < MAX_LISTED) {
            first.add(new Difference(region.name(), gpn, mismatch));
          }
        }
      }
    }
    return new MemoryComparison(region.pages(), different, first);
  }

  @Override
  public String toString() {
    return isIdentical()
        ? "%,d pages are identical".formatted(pages)
        : "%,d of %,d pages differ, the first: %s".formatted(different, pages, first);
  }
}
