package org.rekindle.workingset.policy;

import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Ranking;

/*
 * CAR, CLOCK with adaptive replacement (Bansal and Modha, FAST 2004). Two clocks hold the pages: T1
 * those that were seen once of late, T2 those that came back. Two lists remember as many pages that
 * were given up, B1 from T1 and B2 from T2. A page that comes back from B1 says that T1 should have
 * been larger, one from B2 that T2 should: the target p for T1's size follows, so there is nothing
 * to tune but the capacity c.
 *
 *     new --> [ T1: once ] --bit clear--> ( B1 )      p = min(p + max(1, |B2|/|B1|), c)  if from B1
 *                 | bit set                  |        p = max(p - max(1, |B1|/|B2|), 0)  if from B2
 *                 v                          v back
 *             [ T2: again ] --bit clear--> ( B2 ) --back--> T2
 *
 * This is the pseudo code of the paper's figure 2. |T1| + |T2| <= c, |T1| + |B1| <= c, and all
 * four together at most 2c (the paper's invariants I1 to I4). p is a fraction, as the division is.
 *
 * Order. The pages are given up by the paper's replace() until none is left, and ranked backwards. p
 * is made smaller with the size that is left: it is a share of the capacity, and a budget of half
 * the capacity asks for half a T1 beside half a T2. (With p as it stands, the last p pages left would
 * all be T1's.) Then B2, whose pages came back once, then B1, both most recent first, then
 * recency.
 *
 * For restore. The adaptation learns which of recency and repetition pays on this guest, from its
 * own touches, where the others believe in one. A scan passes through T1 and leaves T2 alone.
 *
 * How it fails. The bit cannot tell two touches a microsecond apart from two a minute apart, so
 * correlated touches fill T2 (the paper's own CART is for that). From sweeps, a page comes once per
 * sweep and no more, which filters them, but then ghosts are seldom hit within c.
 */

/**
 * Two clocks whose sizes adapt.
 *
 * @param capacity c, pages on both clocks together: the prefetch budget
 */
public record Car(int capacity) implements TouchPolicy {
  public Car {
    Capacity.check(capacity, 1);
  }

  @Override
  public String name() {
    return "car";
  }

  @Override
  public Ranking rank(AccessTrace trace) {
    Clocks clocks = new Clocks(trace.memoryPages(), capacity);
    for (int touch = 0; touch < trace.size(); touch++) {
      clocks.touch(trace.page(touch));
    }
    PageOrder order = new PageOrder();
    int[] b1 = clocks.lists.reversed(Clocks.B1);
    int[] b2 = clocks.lists.reversed(Clocks.B2);
    order.add(clocks.drain());
    int setSize = order.size();
    order.add(b2);
    order.add(b1);
    order.addByRecency(trace);
    return order.ranking(setSize);
  }

  static final class Clocks {
    static final int T1 = 0;
    static final int T2 = 1;
    static final int B1 = 2; // first is least recently given up
    static final int B2 = 3;

    final PageLists lists; // the hand of a clock stands at its first page
    final boolean[] bits;
    private final int capacity;
    private double target;

    Clocks(int memoryPages, int capacity) {
      this.capacity = capacity;
      lists = new PageLists(memoryPages, 4);
      bits = new boolean[memoryPages];
    }

    /** p: the size that T1 should have. */
    double target() {
      return target;
    }

    void touch(int page) {
      int was = lists.listOf(page);
      if (was == T1 || was == T2) {
        bits[page] = true;
        return;
      }
      if (held() == capacity) {
        replace(target);
        if (was == PageLists.NONE) {
          forgetOne();
        }
      }
      double b1 = lists.size(B1);
      double b2 = lists.size(B2);
      if (was == B1) {
        target = Math.min(target + Math.max(1, b2 / b1), capacity);
      } else if (was == B2) {
        target = Math.max(target - Math.max(1, b1 / b2), 0);
      }
      lists.toLast(was == PageLists.NONE ? T1 : T2, page);
      bits[page] = false;
    }

    /** Gives up all pages; returns them, the last to go first. */
    int[] drain() {
      int[] pages = new int[held()];
      for (int left = pages.length; left > 0; left--) {
        pages[left - 1] = replace(target * left / capacity);
      }
      return pages;
    }

    private int held() {
      return lists.size(T1) + lists.size(T2);
    }

    private int replace(double t1Target) {
      while (true) {
        boolean fromT1 = lists.size(T1) >= Math.max(1, t1Target);
        int page = lists.first(fromT1 ? T1 : T2);
        if (!bits[page]) {
          lists.toLast(fromT1 ? B1 : B2, page);
          return page;
        }
        bits[page] = false;
        lists.toLast(T2, page);
      }
    }

    private void forgetOne() {
      if (lists.size(T1) + lists.size(B1) == capacity) {
        lists.remove(lists.first(B1));
      } else if (held() + lists.size(B1) + lists.size(B2) == 2 * capacity) {
        lists.remove(lists.first(B2));
      }
    }
  }
}
