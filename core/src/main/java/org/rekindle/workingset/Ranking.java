package org.rekindle.workingset;

import java.util.Arrays;
import java.util.BitSet;

/**
 * Pages in the order in which they are worth prefetching, best first, none twice. Immutable.
 *
 * <p>A budget may cut it anywhere. Besides, its maker may have an opinion of how far to go: the
 * first {@link #setSize()} pages are what it takes for the working set.
 */
public final class Ranking {
  private final int[] pages;
  private final int setSize;

  /**
   * @param pages page numbers, each at most once, best first
   * @param setSize how many of them, from the front, are the working set
   */
  public Ranking(int[] pages, int setSize) {
    if (setSize < 0 || setSize > pages.length) {
      throw new IllegalArgumentException(
          "a set of " + setSize + " pages does not fit in " + pages.length);
    }
    BitSet seen = new BitSet();
    for (int page : pages) {
      if (seen.get(page)) {
        throw new IllegalArgumentException("page " + page + " is ranked twice");
      }
      seen.set(page);
    }
    this.pages = pages.clone();
    this.setSize = setSize;
  }

  /** Number of pages. */
  public int size() {
    return pages.length;
  }

  /** The page at {@code rank}; 0 is the best. */
  public int page(int rank) {
    return pages[rank];
  }

  public int setSize() {
    return setSize;
  }

  /** The pages, best first; a copy. */
  public int[] pages() {
    return pages.clone();
  }

  /**
   * The first {@code budgetPages} as a profile. A ranking knows no times: all its pages are wanted
   * as soon as the guest starts.
   */
  public Profile profile(int budgetPages, String source) {
    int kept = Math.min(budgetPages, pages.length);
    Access[] access = new Access[kept];
    Arrays.fill(access, Access.UNKNOWN);
    return new Profile(Arrays.copyOf(pages, kept), new long[kept], access, 0, source);
  }
}
