package org.rekindle.guest.criu;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;

/**
 * Which pages of a process a dump has, and where: {@code pagemap-PID.img} (criu's
 * images/pagemap.proto).
 *
 * <pre>
 * head   1: pages_id   the pages lie in pages-ID.img
 * entry  1: vaddr
 *        2: pages, up to CRIU 4.1; in 4.2 a field for old readers
 *        3: in_parent, of very old dumps
 *        4: flags
 *        5: pages, from CRIU 4.2 on
 * </pre>
 *
 * CRIU versions after 4.2 describe compressed pages by further fields; they are refused, as is
 * anything else that is not known here.
 */
final class PageMap {
  /** Pages are in the dump before this one. */
  static final int PARENT = 1;

  /** Pages that CRIU can restore lazily. */
  static final int LAZY = 2;

  /** Pages are in the pages file. */
  static final int PRESENT = 4;

  /** Consecutive pages with the same flags. */
  record Entry(PageRange range, int flags) {
    boolean has(int flag) {
      return (flags & flag) != 0;
    }
  }

  private final Path file;
  private final long pagesId;
  private final List<Entry> entries;

  private PageMap(Path file, long pagesId, List<Entry> entries) {
    this.file = file;
    this.pagesId = pagesId;
    this.entries = entries;
  }

  static Path file(Path directory, int pid) {
    return directory.resolve("pagemap-" + pid + ".img");
  }

  static PageMap read(Path directory, int pid) throws IOException {
    Path file = file(directory, pid);
    Parser parser = new Parser();
    CriuImageFile.read(file, CriuImageFile.PAGEMAP, parser);
    if (parser.pagesId == null) {
      throw new CriuImageException(file, "the page map has no head");
    }
    return new PageMap(file, parser.pagesId, List.copyOf(parser.entries));
  }

  Path file() {
    return file;
  }

  /** The file with the pages. */
  Path pagesFile() {
    return file.resolveSibling("pages-" + pagesId + ".img");
  }

  /** Ascending, without overlaps. */
  List<Entry> entries() {
    return entries;
  }

  private static final class Parser implements CriuImageFile.Reader {
    final List<Entry> entries = new ArrayList<>();
    @Nullable Long pagesId;
    private long end;

    @Override
    public void entry(ProtobufMessage message) throws IOException {
      if (pagesId == null) {
        pagesId = head(message);
        return;
      }
      long address = -1;
      long pages = -1;
      boolean pagesOfNow = false;
      int flags = PRESENT; // very old dumps have no flags
      boolean inParent = false;
      while (message.next()) {
        long value = message.field() <= 5 ? message.number() : 0;
        switch (message.field()) {
          case 1 -> address = value;
          case 2 -> pages = pagesOfNow ? pages : value;
          case 3 -> inParent = value != 0;
          case 4 -> flags = flags(message, value);
          case 5 -> {
            pages = value;
            pagesOfNow = true;
          }
          default -> throw unknown(message);
        }
      }
      if (!PageRange.isPage(address) || address < end) {
        throw message.failure("pages at 0x%x, after 0x%x".formatted(address, end));
      }
      if (pages <= 0 || pages > (PageRange.ADDRESS_LIMIT - address) / MemoryMap.PAGE_BYTES) {
        throw message.failure("%d pages at 0x%x".formatted(pages, address));
      }
      if (pages > Integer.MAX_VALUE) {
        throw message.failure(pages + " pages in one entry are more than an image can have");
      }
      Entry entry = new Entry(new PageRange(address, (int) pages), inParent ? PARENT : flags);
      end = entry.range().end();
      entries.add(entry);
    }

    private static long head(ProtobufMessage message) throws CriuImageException {
      long id = -1;
      while (message.next()) {
        if (message.field() != 1) {
          throw unknown(message);
        }
        id = message.number();
      }
      if (id < 0 || id > 0xffff_ffffL) {
        throw message.failure("the page map names no pages file");
      }
      return id;
    }

    private static int flags(ProtobufMessage message, long flags) throws CriuImageException {
      if ((flags & ~(PARENT | LAZY | PRESENT)) != 0) {
        throw message.failure(
            "flags 0x%x, of which only 0x7 are known: a CRIU after 4.2 has made this dump"
                .formatted(flags));
      }
      return (int) flags;
    }

    private static CriuImageException unknown(ProtobufMessage message) {
      return message.failure(
          "field %d, which no page map has up to CRIU 4.2: pages that a later CRIU has compressed"
                  .formatted(message.field())
              + " (dump --compress) cannot be read; dump without it");
    }
  }
}
