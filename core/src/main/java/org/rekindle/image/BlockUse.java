package org.rekindle.image;

import java.util.Arrays;
import java.util.BitSet;
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
    BitSet touched = new BitSet();
    Arrays.stream(run.pages()).forEach(touched::set);
    BitSet present = new BitSet();
    int misses = 0;
    int brought = 0;
    int used = 0;
    for (int page : run.pages()) {
      int block = store.blockOf(page);
      if (block < 0 || present.get(page)) {
        continue;
      }
      misses++;
      for (int k = 0; k < store.pagesServed(block); k++) {
        int served = store.servedPage(block, k);
        if (served != page) {
          brought++;
          used += touched.get(served) ? 1 : 0;
        }
        present.set(served);
      }
    }
    return new BlockUse(misses, brought, used);
  }

  /** The share of the unasked pages that was of use; 1 if there were none. */
  public double usedShare() {
    return brought == 0 ? 1 : (double) used / brought;
  }
}
