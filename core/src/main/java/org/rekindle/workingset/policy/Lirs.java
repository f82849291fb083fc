package org.rekindle.workingset.policy;

import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Ranking;

/*
 * LIRS, low inter-reference recency set (Jiang and Zhang, SIGMETRICS 2002). The recency of a page is
 * the number of other pages touched since its last touch, its inter-reference recency (IRR) the number
 * of those touched between its last two. LRU believes that a page touched a moment ago comes back
 * soon; LIRS believes that it comes back as soon as it did the last time. Pages with low IRR are LIR
 * and fill nearly all of the memory. All others are HIR and share the rest, 1 % (the authors' advice),
 * where a page that is touched once and never again is gone at once.
 *
 * Nobody counts. Stack S has the pages by recency and always ends in a LIR page. So a HIR page that
 * is touched while it is in S has an IRR below the recency of that last LIR page: it becomes LIR, and
 * that one HIR. Then the HIR pages at S's end leave it (pruning), whether in memory or not, since
 * their next IRR would be too long anyway. Queue Q has the HIR pages in memory, the next victim first.
 *
 *     S, most recent first:   E h   A L   D n   B L |       L LIR, h HIR in memory, n HIR given up
 *     Q, next victim first:   E h                           Table 1 of the paper, at its time 10
 *
 * While there are fewer LIR pages than may be, every new page is one (section 3.3). S remembers
 * any number of pages that were given up, as in the paper; caches bound it, but links for each page of
 * the guest exist here in any case. So the pages in S are those touched since its last LIR page was.
 *
 * Order. LIR pages by recency, then Q from its end; then, by recency, the rest: those of them that
 * are still in S are the most recent anyway.
 *
 * For restore. The strongest belief in repetition here: pages of a loop stay in however long the
 * loop, where recency keeps none of them. A set of pages that the guest comes back to is what a
 * restore wants, if it runs longer than the loop takes.
 *
 * How it fails. A new phase counts as a scan: its pages are HIR, and have 1 % of the budget, until
 * each was touched twice within the recency of the last LIR page; LIR pages of the old phase leave one
 * by one, as they are pushed. Guests that are saved shortly after a change get the past prefetched.
 * The order of pages within one sweep is unknown and makes IRRs that are off by up to a sweep's pages.
 */

/**
 * Pages with a low inter-reference recency, then the others.
 *
 * @param capacity pages in memory, LIR and HIR: the prefetch budget; at least 2
 * @param hirShare the part of the capacity that is for HIR pages, at least one page and not all
 */
public record Lirs(int capacity, double hirShare) implements TouchPolicy {
  /** The authors' advice (section 3.1). */
  public static final double USUAL_HIR_SHARE = 0.01;

  public Lirs {
    Capacity.check(capacity, 2);
    if (!(hirShare >= 0 && hirShare < 1)) {
      throw new IllegalArgumentException("the share of HIR pages cannot be " + hirShare);
    }
  }

  /** With the authors' 1 % for HIR pages. */
  public Lirs(int capacity) {
    this(capacity, USUAL_HIR_SHARE);
  }

  @Override
  public String name() {
    return "lirs";
  }

  @Override
  public Ranking rank(AccessTrace trace) {
    int hirPages = Math.clamp(Math.round(capacity * hirShare), 1, capacity - 1);
    Stacks stacks = new Stacks(trace.memoryPages(), capacity - hirPages, hirPages);
    for (int touch = 0; touch < trace.size(); touch++) {
      stacks.touch(trace.page(touch));
    }
    PageOrder order = new PageOrder();
    for (int page : stacks.recent.pages(0)) {
      if (stacks.isLir(page)) {
        order.add(page);
      }
    }
    order.add(stacks.queue.reversed(0));
    int setSize = order.size();
    order.addByRecency(trace);
    return order.ranking(setSize);
  }

  static final class Stacks {
    final PageLists recent; // S, the most recent page first
    final PageLists queue; // Q, the next victim first
    private final boolean[] lir;
    private final int lirPages;
    private final int hirPages;
    private int lirHeld;

    Stacks(int memoryPages, int lirPages, int hirPages) {
      recent = new PageLists(memoryPages, 1);
      queue = new PageLists(memoryPages, 1);
      lir = new boolean[memoryPages];
      this.lirPages = lirPages;
      this.hirPages = hirPages;
    }

    boolean isLir(int page) {
      return lir[page];
    }

    void touch(int page) {
      boolean wasRecent = recent.listOf(page) == 0;
      recent.toFirst(0, page);
      if (lir[page]) {
        prune(); // it may have been the last
      } else if (lirHeld < lirPages) {
        promote(page);
      } else {
        if (queue.listOf(page) == PageLists.NONE && queue.size(0) == hirPages) {
          queue.remove(queue.first(0)); // given up; S remembers it, if it is there
        }
        if (wasRecent) {
          queue.remove(page);
          promote(page);
          demoteLast();
          prune();
        } else {
          queue.toLast(0, page);
        }
      }
    }

    private void promote(int page) {
      lir[page] = true;
      lirHeld++;
    }

    private void demoteLast() {
      int page = recent.last(0);
      lir[page] = false;
      lirHeld--;
      recent.remove(page);
      queue.toLast(0, page);
    }

    private void prune() {
      while (!lir[recent.last(0)]) {
        recent.remove(recent.last(0));
      }
    }
  }
}
