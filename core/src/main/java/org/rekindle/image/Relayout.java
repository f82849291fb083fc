package org.rekindle.image;

import com.dynatrace.hash4j.hashing.Hasher64;
import com.dynatrace.hash4j.hashing.Hashing;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.BitSet;

/** Lays the base store of an image out anew. */
final class Relayout {
  /*
   * The new base is written beside the old one and read back, every page of it, before the manifest
   * names it: until then the old one is all there is of the machine. A 64-bit hash of each page is
   * compared, as in Verification: both stores have their checksums, so what remains to be found is a
   * mistake of the program that wrote them.
   */
  private static final Hasher64 HASHER = Hashing.xxh3_64();

  private Relayout() {}

  /** The pages are written, and then both stores are read. */
  private static final int PASSES = 3;

  static void apply(Path directory, int[] order, Image.Progress progress) throws IOException {
    ImageChange.apply(directory, (image, generation) -> write(image, generation, order, progress));
  }

  private static ImageFiles write(Image image, int generation, int[] order, Image.Progress progress)
      throws IOException {
    requireAllPages(order, image.memory().pages());
    ImageFiles before = image.files();
    ImageWriter.Options options =
        new ImageWriter.Options(before.base().codec(), before.base().blockPages());
    Path directory = image.directory();
    Path pages = directory.resolve(ImageFiles.basePages(generation));
    StoreIndex index = StoreCopy.write(image, order, pages, options, pass(image, 0, progress));
    requireSame(image, new FileStore(pages, index), progress);
    return new ImageFiles(
        before.manifest(),
        generation,
        before.deviceState(),
        ImageFiles.writeIndex(
            directory,
            index,
            ImageFiles.basePages(generation),
            ImageFiles.baseIndex(generation),
            options),
        before.hot(),
        before.profile(),
        before.runs());
  }

  /** A page that is left out would be lost. */
  private static void requireAllPages(int[] order, int guestPages) {
    BitSet pages = new BitSet(guestPages);
    for (int page : order) {
      if (page < 0 || page >= guestPages || pages.get(page)) {
        throw new IllegalArgumentException("page " + page + " cannot be laid out (again)");
      }
      pages.set(page);
    }
    if (pages.cardinality() != guestPages) {
      throw new IllegalArgumentException(
          "a layout of %d pages for a guest of %d".formatted(order.length, guestPages));
    }
  }

  /** The progress of one pass as a part of all; the stores differ by slots that serve no page. */
  private static Image.Progress pass(Image image, int number, Image.Progress all) {
    long bytes = (long) image.baseStore().slots() * MemoryMap.PAGE_BYTES;
    return (done, total) -> all.update(number * bytes + done * bytes / total, PASSES * bytes);
  }

  private static void requireSame(Image image, FileStore copy, Image.Progress progress)
      throws IOException {
    FileStore base = image.baseStore();
    int guestPages = image.memory().pages();
    long[] expected = hashes(base, image.basePages(), guestPages, pass(image, 1, progress));
    long[] found;
    try (FileChannel channel = FileChannel.open(copy.file(), StandardOpenOption.READ)) {
      found = hashes(copy, channel, guestPages, pass(image, 2, progress));
    }
    for (int page = 0; page < guestPages; page++) {
      if ((base.blockOf(page) < 0) != (copy.blockOf(page) < 0) || expected[page] != found[page]) {
        throw new CorruptImageException(
            "%s: its page %d differs from that in %s; the image stays as it is"
                .formatted(copy.file(), page, base.file()));
      }
    }
  }

  /** A hash of each page that is in a store, 0 of others. */
  private static long[] hashes(
      FileStore store, FileChannel channel, int guestPages, Image.Progress progress)
      throws IOException {
    long[] hashes = new long[guestPages];
    byte[] page = new byte[MemoryMap.PAGE_BYTES];
    try (BlockReader blocks = new BlockReader(store, channel)) {
      for (int block = 0; block < store.blocks(); block++) {
        MemorySegment raw = blocks.read(block);
        for (int k = 0; k < store.pagesServed(block); k++) {
          int served = store.servedPage(block, k);
          MemorySegment.copy(
              raw,
              ValueLayout.JAVA_BYTE,
              (long) store.slotOf(served) * MemoryMap.PAGE_BYTES,
              page,
              0,
              page.length);
          hashes[served] = HASHER.hashBytesToLong(page);
        }
        progress.update(
            (long) (store.firstSlot(block) + store.slots(block)) * MemoryMap.PAGE_BYTES,
            (long) store.slots() * MemoryMap.PAGE_BYTES);
      }
    }
    return hashes;
  }
}
