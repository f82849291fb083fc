package org.rekindle.image;

import com.dynatrace.hash4j.hashing.Hasher64;
import com.dynatrace.hash4j.hashing.Hashing;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import org.rekindle.workingset.Profile;

/** Reads all of an image and counts what is in it. */
final class Verification {
  /*
   * The hot store is a second copy of pages of the base store, in another order. Both are read once,
   * in file order: first the base, keeping a 64-bit hash of each slot that has a hot copy, then the
   * hot store, whose slots must have the same hashes. A copy that differs from its original without
   * either checksum noticing is a fault of the program that wrote it, not malice, and a 64-bit hash
   * finds that.
   */
  private final Image image;
  private final Image.Progress progress;
  private final Hasher64 hasher = Hashing.xxh3_64();
  private final byte[] page = new byte[MemoryMap.PAGE_BYTES];
  private final long totalBytes;
  private long doneBytes;

  Verification(Image image, Image.Progress progress) {
    this.image = image;
    this.progress = progress;
    FileStore hot = image.hotStore();
    totalBytes = image.baseStore().bytes() + (hot == null ? 0 : hot.bytes());
  }

  ImageSummary run() throws IOException {
    int runs = image.runs().runs().size(); // their file is read and checked
    FileStore base = image.baseStore();
    FileStore hot = image.hotStore();
    FileChannel hotPages = image.hotPages();
    long[] hashOfPage = new long[hot == null ? 0 : image.memory().pages()];
    ImageSummary.Store baseSummary =
        read(
            base,
            image.basePages(),
            (served, hash) -> {
              if (hot != null && hot.globalSlotOf(served) != StoreIndex.NONE) {
                hashOfPage[served] = hash;
              }
            });
    Optional<ImageSummary.Store> hotSummary = Optional.empty();
    if (hot != null && hotPages != null) {
      hotSummary =
          Optional.of(
              read(
                  hot,
                  hotPages,
                  (served, hash) -> {
                    if (base.globalSlotOf(served) == StoreIndex.NONE
                        || hashOfPage[served] != hash) {
                      throw new CorruptImageException(
                          "%s: its copy of page %d differs from that in %s"
                              .formatted(hot.file(), served, base.file()));
                    }
                  }));
    }
    int usedSlots = usedSlots(base);
    return new ImageSummary(
        image.memory().pages(),
        image.memory().pages() - base.pages(),
        base.pages() - usedSlots,
        base.slots() - usedSlots,
        image.files().deviceState().bytes(),
        fileBytes(image.files()),
        baseSummary,
        hotSummary,
        image.profile().map(profile -> workingSet(profile, runs)));
  }

  private interface PageSink {
    void page(int page, long hash) throws CorruptImageException;
  }

  private ImageSummary.Store read(FileStore store, FileChannel channel, PageSink sink)
      throws IOException {
    Map<Codec, Integer> blocksByCodec = new EnumMap<>(Codec.class);
    try (BlockReader blocks = new BlockReader(store, channel)) {
      for (int block = 0; block < store.blocks(); block++) {
        MemorySegment raw = blocks.read(block);
        int hashedSlot = -1;
        long hash = 0;
        for (int k = 0; k < store.pagesServed(block); k++) {
          int served = store.servedPage(block, k);
          int slot = store.slotOf(served);
          if (slot != hashedSlot) {
            MemorySegment.copy(
                raw,
                ValueLayout.JAVA_BYTE,
                (long) slot * MemoryMap.PAGE_BYTES,
                page,
                0,
                MemoryMap.PAGE_BYTES);
            hash = hasher.hashBytesToLong(page);
            hashedSlot = slot;
          }
          sink.page(served, hash);
        }
        blocksByCodec.merge(store.codec(block), 1, Integer::sum);
        doneBytes += store.storedBytes(block);
        progress.update(doneBytes, totalBytes);
      }
    }
    return new ImageSummary.Store(
        store.pages(),
        store.slots(),
        store.blocks(),
        (long) store.slots() * MemoryMap.PAGE_BYTES,
        store.bytes(),
        blocksByCodec);
  }

  private static int usedSlots(FileStore store) {
    int used = 0;
    for (int block = 0; block < store.blocks(); block++) {
      int before = -1;
      for (int k = 0; k < store.pagesServed(block); k++) {
        int slot = store.slotOf(store.servedPage(block, k));
        if (slot != before) {
          used++;
          before = slot;
        }
      }
    }
    return used;
  }

  private ImageSummary.WorkingSet workingSet(Profile profile, int runs) {
    int zeroPages = 0;
    for (int rank = 0; rank < profile.size(); rank++) {
      if (image.baseStore().blockOf(profile.page(rank)) < 0) {
        zeroPages++;
      }
    }
    return new ImageSummary.WorkingSet(
        profile.size(),
        zeroPages,
        profile.horizonNs(),
        profile.size() == 0 ? 0 : profile.touchNs(profile.size() - 1),
        profile.source(),
        runs);
  }

  private static long fileBytes(ImageFiles files) {
    long bytes = ManifestFile.encode(files).length + files.deviceState().bytes();
    bytes += files.base().pageFileBytes() + files.base().index().bytes();
    ImageFiles.Store hot = files.hot();
    if (hot != null) {
      bytes += hot.pageFileBytes() + hot.index().bytes();
    }
    for (ImageFiles.Blob blob : Arrays.asList(files.profile(), files.runs())) {
      bytes += blob == null ? 0 : blob.bytes();
    }
    return bytes;
  }
}
