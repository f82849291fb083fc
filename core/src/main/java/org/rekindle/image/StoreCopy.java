package org.rekindle.image;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;

/** Copies pages of the base store to a store of their own, in a given order. */
final class StoreCopy {
  /*
   * First-touch order is nearly random in the base store, and every page asked for on its own would
   * decode a whole block: sixteen times the work. So the pages are taken in batches: of each batch
   * the blocks are visited in file order, each decoded once, and its pages put where their rank
   * wants them; then the batch is written in order of rank.
   */

  /** 64 MiB: one to a few batches for a usual working set. */
  private static final int BATCH_PAGES = 1 << 14;

  private StoreCopy() {}

  /**
   * Writes the page file.
   *
   * @param pages in the wanted order, each once; those that are not in the base store are left out
   * @param file must not exist
   * @param progress is told from time to time, in bytes of guest memory
   */
  static StoreIndex write(
      Image image, int[] pages, Path file, ImageWriter.Options options, Image.Progress progress)
      throws IOException {
    FileStore base = image.baseStore();
    int[] slotOfPage = new int[image.memory().pages()];
    int[] copyOfSlot = new int[base.slots()];
    Arrays.fill(slotOfPage, StoreIndex.NONE);
    Arrays.fill(copyOfSlot, StoreIndex.NONE);
    int[] baseSlots = new int[Math.min(pages.length, base.slots())]; // by slot of the copy
    int copies = 0;
    for (int page : pages) {
      int slot = base.globalSlotOf(page);
      if (slot == StoreIndex.NONE) {
        continue;
      }
      if (copyOfSlot[slot] == StoreIndex.NONE) {
        baseSlots[copies] = slot;
        copyOfSlot[slot] = copies++;
      }
      slotOfPage[page] = copyOfSlot[slot];
    }

    try (Arena arena = Arena.ofConfined();
        BlockReader blocks = new BlockReader(base, image.basePages());
        StorePipeline copy = new StorePipeline(file, options)) {
      int batchPages = Math.max(1, Math.min(BATCH_PAGES, copies));
      MemorySegment batch = arena.allocate((long) batchPages * MemoryMap.PAGE_BYTES);
      for (int first = 0; first < copies; first += batchPages) {
        int count = Math.min(batchPages, copies - first);
        gather(base, blocks, baseSlots, first, count, batch);
        for (int rank = 0; rank < count; rank++) {
          copy.check();
          copy.page(batch, (long) rank * MemoryMap.PAGE_BYTES);
        }
        progress.update(
            (long) (first + count) * MemoryMap.PAGE_BYTES, (long) copies * MemoryMap.PAGE_BYTES);
      }
      return new StoreIndex(copy.finish(), slotOfPage);
    }
  }

  private static void gather(
      FileStore base,
      BlockReader blocks,
      int[] baseSlots,
      int first,
      int count,
      MemorySegment batch)
      throws IOException {
    long[] slotAndRank = new long[count];
    for (int i = 0; i < count; i++) {
      slotAndRank[i] = (long) baseSlots[first + i] << 32 | i;
    }
    Arrays.sort(slotAndRank);
    for (long each : slotAndRank) {
      int slot = (int) (each >>> 32);
      int rank = (int) each;
      int block = base.blockOfSlot(slot);
      MemorySegment.copy(
          blocks.read(block),
          (long) (slot - base.firstSlot(block)) * MemoryMap.PAGE_BYTES,
          batch,
          (long) rank * MemoryMap.PAGE_BYTES,
          MemoryMap.PAGE_BYTES);
    }
  }
}
