package org.rekindle.guest.criu;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.rekindle.image.MemoryMap;

/**
 * The mappings (VMAs) of a process: {@code mm-PID.img}, of which only where they begin and end
 * counts here (criu's images/mm.proto, vma.proto).
 */
final class Mappings {
  private static final int VMAS = 14;

  private final Path file;
  private final long[] ends; // ascending
  private final long[] starts;

  private Mappings(Path file, List<long[]> mappings) {
    this.file = file;
    this.starts = mappings.stream().mapToLong(mapping -> mapping[0]).toArray();
    this.ends = mappings.stream().mapToLong(mapping -> mapping[1]).toArray();
  }

  static Mappings read(Path directory, int pid) throws IOException {
    Path file = directory.resolve("mm-" + pid + ".img");
    List<long[]> mappings = new ArrayList<>();
    CriuImageFile.read(
        file,
        CriuImageFile.MM,
        message -> {
          while (message.next()) {
            if (message.field() == VMAS) {
              add(mappings, message.message());
            }
          }
        });
    return new Mappings(file, mappings);
  }

  private static void add(List<long[]> mappings, ProtobufMessage vma) throws IOException {
    long start = -1;
    long end = -1;
    while (vma.next()) {
      switch (vma.field()) {
        case 1 -> start = vma.number();
        case 2 -> end = vma.number();
        default -> {} // what it is mapped from, and how
      }
    }
    if (start < 0 && end < 0) {
      return; // vsyscall, at the very top of the address space
    }
    long before = mappings.isEmpty() ? 0 : mappings.getLast()[1];
    if (!PageRange.isPage(start)
        || end <= start
        || end > PageRange.ADDRESS_LIMIT
        || end % MemoryMap.PAGE_BYTES != 0
        || start < before) {
      throw vma.failure("a mapping from 0x%x to 0x%x, after 0x%x".formatted(start, end, before));
    }
    mappings.add(new long[] {start, end});
  }

  /**
   * Cuts a range where one mapping ends and another begins.
   *
   * @throws CriuImageException if a part of it is not mapped
   */
  List<PageRange> cut(PageRange range) throws CriuImageException {
    List<PageRange> pieces = new ArrayList<>();
    long at = range.address();
    for (int i = indexOf(at); at < range.end(); i++) {
      if (i == ends.length || starts[i] > at) {
        throw new CriuImageException(
            file, "page 0x%x of the page map is in no mapping".formatted(at));
      }
      long end = Math.min(range.end(), ends[i]);
      pieces.add(new PageRange(at, (int) ((end - at) / MemoryMap.PAGE_BYTES)));
      at = end;
    }
    return pieces;
  }

  /** The first mapping that ends behind an address. */
  private int indexOf(long address) {
    int low = 0;
    int high = ends.length;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (ends[middle] <= address) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
