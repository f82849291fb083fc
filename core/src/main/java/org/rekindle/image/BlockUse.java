package org.rekindle.image;

import java.util.BitSet;
import java.util.function.IntUnaryOperator;
import org.rekindle.workingset.Profile;

/**
 * What a layout is worth to a guest that gets its memory by misses alone, each of which brings a
 * whole block: the measure of Halite (USENIX ATC'13, its table of block efficiency). Exact: every
 * touch is counted.
 *
 * @param misses blocks that were read
 * @param brought pages that came with them unasked, each counted once
 * @param used those among them that were touched later
 */
public record BlockUse(int misses, int brought, int used) {
  /** What a run would have made of a store. Pages that are not in the store cost no read. */
  public static BlockUse of(PageStore store, Profile run) {
    return of(run, store::blockOf, store::pagesServed);
  }

  /**
   * What a run would have made of the pages of a store, had they been laid out in another order.
   * (Identical pages count as if each were stored.)
   */
  public static BlockUse ofOrder(PageStore store, int[] order, int blockPages, Profile run) {
    int[] blockOf = new int[order.length];
    int stored = 0;
    for (int page : order) {
      blockOf[page] = store.blockOf(page) < 0 ? -1 : stored++ / blockPages;
    }
    int all = stored;
    return of(run, page -> blockOf[page], block -> Math.min(blockPages, all - block * blockPages));
  }

  /** The first page of a block that is touched is the miss; the others of the run come in use. */
  private static BlockUse of(Profile run, IntUnaryOperator blockOf, IntUnaryOperator pagesOf) {
    BitSet read = new BitSet();
    int misses = 0;
    int brought = 0;
    int touched = 0;
    for (int page : run.pages()) {
      int block = blockOf.applyAsInt(page);
      if (block >= 0) {
        touched++;
        if (!read.get(block)) {
          read.set(block);
          misses++;
          brought += pagesOf.applyAsInt(block) - 1;
        }
      }
    }
    return new BlockUse(misses, brought, touched - misses);
  }

  /** The share of the unasked pages that was of use; 1 if there were none. */
  public double usedShare() {
    return brought == 0 ? 1 : (double) used / brought;
  }
}
