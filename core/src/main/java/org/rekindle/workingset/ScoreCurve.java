package org.rekindle.workingset;

import java.util.BitSet;
import java.util.OptionalInt;

/**
 * The scores of one ranking at every budget, against the pages that a restored guest really
 * touched. Exact: counted page by page, once. Immutable.
 */
public final class ScoreCurve {
  private final int[] used; // of the first i pages; one entry more than pages
  private final int setSize;
  private final int touched;

  /**
   * @param ranking the order in which pages were to be prefetched
   * @param touched the pages that the guest touched, in any order; a page more than once counts
   *     once
   */
  public ScoreCurve(Ranking ranking, int... touched) {
    BitSet truth = new BitSet();
    for (int page : touched) {
      truth.set(page);
    }
    this.touched = truth.cardinality();
    this.setSize = ranking.setSize();
    used = new int[ranking.size() + 1];
    for (int rank = 0; rank < ranking.size(); rank++) {
      used[rank + 1] = used[rank] + (truth.get(ranking.page(rank)) ? 1 : 0);
    }
  }

  /**
   * The score of prefetching the first {@code budgetPages}. A budget beyond the ranking's end
   * prefetches all of it and no more.
   */
  public Score at(int budgetPages) {
    int prefetched = Math.min(budgetPages, used.length - 1);
    return new Score(prefetched, used[prefetched], touched);
  }

  /** The score of what the ranking itself takes for the working set. */
  public Score ofSet() {
    return at(setSize);
  }

  /** The smallest budget that reaches this coverage, if any does. */
  public OptionalInt budgetFor(double coverage) {
    for (int budget = 0; budget < used.length; budget++) {
      if (at(budget).coverage() >= coverage) {
        return OptionalInt.of(budget);
      }
    }
    return OptionalInt.empty();
  }
}
