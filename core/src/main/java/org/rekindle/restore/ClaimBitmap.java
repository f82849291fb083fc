package org.rekindle.restore;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.rekindle.image.PageStore;

/**
 * Which pages have been placed: what makes sure that each is placed exactly once.
 *
 * <p>Written by the pager thread only; reader threads look at it to skip what is no longer needed,
 * and may see it a little late, which costs a needless read and no more.
 */
public final class ClaimBitmap {
  private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

  private final long[] words;
  private final int pages;
  private int claimed;

  ClaimBitmap(int pages) {
    this.words = new long[(pages + 63) >>> 6];
    this.pages = pages;
  }

  /** Claims a page; false if it was claimed before. Pager thread only. */
  boolean claim(int page) {
    long word = words[page >>> 6];
    long bit = 1L << page;
    if ((word & bit) != 0) {
      return false;
    }
    WORD.setOpaque(words, page >>> 6, word | bit);
    claimed++;
    return true;
  }

  boolean isClaimed(int page) {
    return ((long) WORD.getOpaque(words, page >>> 6) & (1L << page)) != 0;
  }

  /** Whether every page that a block serves is in. */
  public boolean covers(PageStore store, int block) {
    for (int k = store.pagesServed(block) - 1; k >= 0; k--) {
      if (!isClaimed(store.servedPage(block, k))) {
        return false;
      }
    }
    return true;
  }

  /** How many pages are claimed. Pager thread only. */
  int claimed() {
    return claimed;
  }

  boolean complete() {
    return claimed == pages;
  }
}
