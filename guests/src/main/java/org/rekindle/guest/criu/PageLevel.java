package org.rekindle.guest.criu;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;

/**
 * The pages of one process in one dump, and in the dumps before it: an incremental dump leaves out
 * pages that have not changed since, and names the folder of the dump before by a link {@code
 * parent}.
 */
final class PageLevel implements AutoCloseable {
  private final PageMap map;
  private final long[] offsets; // of each entry's pages in the file
  private final FileChannel pages;
  private final @Nullable PageLevel parent;

  private PageLevel(PageMap map, long[] offsets, FileChannel pages, @Nullable PageLevel parent) {
    this.map = map;
    this.offsets = offsets;
    this.pages = pages;
    this.parent = parent;
  }

  static PageLevel open(Path directory, int pid) throws IOException {
    return open(directory.toRealPath(), pid, new HashSet<>());
  }

  private static PageLevel open(Path directory, int pid, Set<Path> seen) throws IOException {
    if (!seen.add(directory)) {
      throw new CriuImageException(directory, "it is its own parent, by way of its parents");
    }
    PageMap map = PageMap.read(directory, pid);
    List<PageMap.Entry> entries = map.entries();
    long[] offsets = new long[entries.size()];
    long bytes = 0;
    for (int i = 0; i < offsets.length; i++) {
      offsets[i] = bytes;
      if (entries.get(i).has(PageMap.PRESENT)) {
        bytes += (long) entries.get(i).range().pages() * MemoryMap.PAGE_BYTES;
      }
    }
    FileChannel pages = pages(map, bytes);
    try {
      Path before = directory.resolve("parent");
      boolean hasParent = Files.exists(PageMap.file(before, pid));
      return new PageLevel(
          map, offsets, pages, hasParent ? open(before.toRealPath(), pid, seen) : null);
    } catch (IOException | RuntimeException failed) {
      pages.close();
      throw failed;
    }
  }

  private static FileChannel pages(PageMap map, long expectedBytes) throws IOException {
    Path file = map.pagesFile();
    FileChannel pages;
    try {
      pages = FileChannel.open(file);
    } catch (NoSuchFileException missing) {
      throw new CriuImageException(map.file(), "its pages are missing: there is no " + file);
    }
    if (pages.size() != expectedBytes) {
      try (pages) {
        throw new CriuImageException(
            file, "%d bytes; the page map has pages of %d".formatted(pages.size(), expectedBytes));
      }
    }
    return pages;
  }

  PageMap map() {
    return map;
  }

  /** Hears where pages lie. */
  @FunctionalInterface
  interface Places {
    void at(Path file, FileChannel pages, long offset, int count) throws IOException;
  }

  /**
   * Says where the pages of a range lie, in their order.
   *
   * @throws CriuImageException if one of them is in no file
   */
  void locate(PageRange range, Places places) throws IOException {
    long at = range.address();
    for (int i = indexOf(at); at < range.end(); i++) {
      if (i == offsets.length || map.entries().get(i).range().address() > at) {
        throw new CriuImageException(
            map.file(), "no page 0x%x, which a later dump left to this one".formatted(at));
      }
      PageMap.Entry entry = map.entries().get(i);
      long end = Math.min(range.end(), entry.range().end());
      PageRange piece = new PageRange(at, (int) ((end - at) / MemoryMap.PAGE_BYTES));
      if (entry.has(PageMap.PRESENT)) {
        long offset = offsets[i] + (at - entry.range().address());
        places.at(map.pagesFile(), pages, offset, piece.pages());
      } else if (entry.has(PageMap.PARENT)) {
        parent(at).locate(piece, places);
      } else {
        throw new CriuImageException(
            map.file(),
            "page 0x%x was left with a page server (dump --lazy-pages): it is in no file; dump"
                    .formatted(at)
                + " without --lazy-pages, which 'criu restore --lazy-pages' does not need");
      }
      at = end;
    }
  }

  private PageLevel parent(long address) throws CriuImageException {
    if (parent == null) {
      throw new CriuImageException(
          map.file(),
          "page 0x%x is in the dump before, which is missing: the link parent in %s leads to none"
              .formatted(address, map.file().getParent()));
    }
    return parent;
  }

  /** The entry that holds an address, or else the next one. */
  private int indexOf(long address) {
    int low = 0;
    int high = offsets.length;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (map.entries().get(middle).range().end() <= address) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  @Override
  public void close() throws IOException {
    try (pages) {
      if (parent != null) {
        parent.close();
      }
    }
  }
}
