package org.rekindle.workingset.policy;

import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Ranking;

/*
 * CLOCK-Pro (Jiang, Chen, Zhang, USENIX 2005). LIRS for the price of CLOCK: one clock with hot pages
 * (LIR), cold pages (HIR), and cold pages that were given up but are remembered. A cold page is in its
 * test period from when it comes in; touched within it, its reuse distance is short, and it becomes
 * hot. Three hands turn in the same direction:
 *
 *  * HAND_cold looks for a victim at the resident cold pages. Bit clear: the page is given up, and
 *    remembered if its test period is not over. Bit set, in test: it becomes hot. Bit set, not in
 *    test: it goes to the head and gets a new test period.
 *  * HAND_hot stands at the hot page that was not touched for longest. When there are too many hot
 *    pages, it clears bits until it comes to one that is clear: that page becomes cold. It ends the
 *    test period of every cold page that it passes: it marks how far back a reuse may count.
 *  * HAND_test ends test periods when more pages are remembered than fit in memory.
 *
 *     head >  C   H'  C't  n   C   H   n   H  < HAND_hot      H hot, C cold, n given up,
 *                          ^HAND_test  ^HAND_cold ...         ' bit set, t in test
 *
 * Where LIRS fixes the share of HIR pages, CLOCK-Pro learns it: a touch within a test period makes
 * room for one cold page more, a test period that ends without one for one less (section 4).
 *
 * Here the clock is a list cut open where HAND_hot stands: its last page is the one under that hand,
 * its first the list head, just behind it. To move HAND_hot on is to move the last page to the front,
 * which is how the paper explains the list head, too.
 *
 * Three things the paper leaves open. In an empty memory every page is hot until only the room for
 * cold pages is left, as in LIRS. The touch that brings a page in does not set its bit: else each
 * would count as touched again within its test. And cold pages have room for at least 1 % of the
 * capacity and one page, at most for all pages but one, so that both kinds always exist.
 *
 * Order. Hot pages with the bit set, then hot ones; then cold pages as HAND_cold would treat them: in
 * test with the bit set (hot as soon as it comes by), bit set, bit clear; then those given up but
 * still in test, then recency. Within each, from the list head.
 *
 * For restore. As LIRS, and faster to change its mind: in a new phase, touches within test periods
 * give its pages room. It reads bits, so it is at home with sweeps.
 *
 * How it fails. Pages come into order by their arrival on the clock, not by their last touch, so a
 * budget smaller than the capacity cuts at what is half chance. With few cold pages the hands walk
 * far for each victim: 200 pages, at 1 %.
 */

/**
 * A clock with three hands.
 *
 * @param capacity m, pages in memory: the prefetch budget; at least 2
 */
public record ClockPro(int capacity) implements TouchPolicy {
  /** The least room that cold pages have: one in so many. */
  private static final int LEAST_COLD = 100;

  public ClockPro {
    Capacity.check(capacity, 2);
  }

  @Override
  public String name() {
    return "clock-pro";
  }

  @Override
  public Ranking rank(AccessTrace trace) {
    Face face = new Face(trace.memoryPages(), capacity);
    for (int touch = 0; touch < trace.size(); touch++) {
      face.touch(trace.page(touch));
    }
    PageOrder order = new PageOrder();
    order.add(
        PageOrder.sorted(
            face.clock.pages(0), (a, b) -> Integer.compare(face.standing(a), face.standing(b))));
    order.addByRecency(trace);
    return order.ranking(face.resident());
  }

  static final class Face {
    static final byte AWAY = 0; // not on the clock
    static final byte HOT = 1;
    static final byte COLD = 2;
    static final byte GONE = 3; // cold, given up, in its test period

    final PageLists clock; // from the list head to the page under HAND_hot
    final byte[] kinds;
    final boolean[] bits;
    final boolean[] inTest;
    private final int capacity;
    private final int leastColdTarget;
    private int handCold = PageLists.NONE;
    private int handTest = PageLists.NONE;
    private int hot;
    private int cold;
    private int gone;
    private int coldTarget; // m_c

    Face(int memoryPages, int capacity) {
      clock = new PageLists(memoryPages, 1);
      kinds = new byte[memoryPages];
      bits = new boolean[memoryPages];
      inTest = new boolean[memoryPages];
      this.capacity = capacity;
      leastColdTarget = Math.max(1, capacity / LEAST_COLD);
      coldTarget = leastColdTarget;
    }

    int resident() {
      return hot + cold;
    }

    int hot() {
      return hot;
    }

    int gone() {
      return gone;
    }

    int coldTarget() {
      return coldTarget;
    }

    /** The place in the ranking of pages that were found like this one; 0 is the best. */
    int standing(int page) {
      boolean bit = bits[page];
      return switch (kinds[page]) {
        case HOT -> bit ? 0 : 1;
        case COLD -> bit ? inTest[page] ? 2 : 3 : 4;
        default -> 5;
      };
    }

    void touch(int page) {
      if (kinds[page] == HOT || kinds[page] == COLD) {
        bits[page] = true;
        return;
      }
      if (resident() == capacity) {
        giveUpOne(); // which may end this page's test period
      }
      if (kinds[page] == GONE) {
        gone--;
        becomeHot(page);
      } else if (resident() < capacity - coldTarget) { // so it never was full
        toHead(page, HOT);
        hot++;
      } else {
        toHead(page, COLD);
        inTest[page] = true;
        cold++;
      }
    }

    /** HAND_cold. */
    private void giveUpOne() {
      while (true) {
        int page = handCold == PageLists.NONE ? clock.last(0) : handCold;
        while (kinds[page] != COLD) {
          page = following(page);
        }
        handCold = following(page);
        if (!bits[page]) {
          cold--;
          giveUp(page);
          return;
        }
        bits[page] = false;
        if (inTest[page]) {
          cold--;
          becomeHot(page);
        } else {
          toHead(page, COLD);
          inTest[page] = true;
        }
      }
    }

    private void giveUp(int page) {
      if (!inTest[page]) {
        leave(page);
        return;
      }
      kinds[page] = GONE;
      gone++;
      while (gone > capacity) {
        moveHandTest();
      }
    }

    /** A cold page, resident or not, was touched within its test period. */
    private void becomeHot(int page) {
      aimAtCold(coldTarget + 1);
      inTest[page] = false;
      toHead(page, HOT);
      hot++;
      while (hot > capacity - coldTarget) {
        moveHandHot();
      }
    }

    /** HAND_hot: makes one hot page cold, and stops at the next. */
    private void moveHandHot() {
      int page = clock.last(0);
      while (kinds[page] != HOT || bits[page]) {
        passByHandHot(page);
        page = clock.last(0);
      }
      kinds[page] = COLD;
      clock.toFirst(0, page);
      hot--;
      cold++;
      while (kinds[clock.last(0)] != HOT) {
        passByHandHot(clock.last(0));
      }
    }

    /** A hot page is spared, a cold one's test ends; the other hands stay at it, if they were. */
    private void passByHandHot(int page) {
      if (kinds[page] == HOT) {
        bits[page] = false;
      } else {
        endTest(page);
      }
      if (kinds[page] != AWAY) {
        clock.toFirst(0, page);
      }
    }

    /** HAND_test: ends the test period of one cold page. */
    private void moveHandTest() {
      int page = handTest == PageLists.NONE ? clock.last(0) : handTest;
      while (!inTest[page]) {
        page = following(page);
      }
      handTest = following(page);
      endTest(page);
    }

    private void endTest(int page) {
      if (!inTest[page]) {
        return;
      }
      inTest[page] = false;
      aimAtCold(coldTarget + (bits[page] ? 1 : -1));
      if (kinds[page] == GONE) {
        gone--;
        leave(page);
      }
    }

    private void aimAtCold(int pages) {
      coldTarget = Math.clamp(pages, leastColdTarget, capacity - 1);
    }

    /** Takes a page from its place to the list head; hands that were at it move on. */
    private void toHead(int page, byte kind) {
      kinds[page] = kind;
      moveHandsFrom(page);
      clock.toFirst(0, page);
    }

    private void leave(int page) {
      kinds[page] = AWAY;
      moveHandsFrom(page);
      clock.remove(page);
    }

    private void moveHandsFrom(int page) {
      handCold = handCold == page ? following(page) : handCold;
      handTest = handTest == page ? following(page) : handTest;
    }

    /** The page that a hand comes to after this one. */
    private int following(int page) {
      int following = clock.before(page);
      return following == PageLists.NONE ? clock.last(0) : following;
    }
  }
}
