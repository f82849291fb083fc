package org.rekindle.workingset.policy;

import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Ranking;

/*
 * CLOCK (Corbato, "A paging experiment with the Multics system", 1969). The pages in memory stand
 * around a clock, each with one bit, which its touches set. To find a victim, the hand goes round: it
 * clears bits that are set and stops at the first that is not. That page goes, the new one takes its
 * place, and the hand moves on. It is LRU at the price of one bit, so coarse that hardware can
 * afford it.
 *
 *          .-- A1 --.
 *        F0          B1        the hand at C: clears C's bit, evicts D
 *        |     o---> C1
 *        E1 ------- D0
 *
 * The touch that brings a page in sets its bit, as hardware does when the instruction that faulted
 * is executed again.
 *
 * Order. If nothing were touched any more, the hand would first give up the pages whose bit is clear,
 * in its order, and on its second turn the others. The ranking is that backwards: bit set before
 * bit clear, and within both the pages that the hand passed last first. What it gave up already it
 * does not remember; recency orders that.
 *
 * For restore. Next to recency it loses only resolution. What VEE'11 calls a simplified CLOCK is
 * Ageing with one bit: no capacity, and a hand that turns by time, not by need.
 *
 * How it fails. While no page has to go, the hand stands still and all bits are set: with a capacity
 * that holds all that was seen, the order is that of first touch, last first, and says little. When
 * pages are needed fast, the hand laps the guest, all bits are clear, and it is first in, first out.
 */

/**
 * The clock with one bit a page.
 *
 * @param capacity pages on the clock: the prefetch budget
 */
public record Clock(int capacity) implements TouchPolicy {
  public Clock {
    Capacity.check(capacity, 1);
  }

  @Override
  public String name() {
    return "clock";
  }

  @Override
  public Ranking rank(AccessTrace trace) {
    Face face = new Face(trace.memoryPages(), capacity);
    for (int touch = 0; touch < trace.size(); touch++) {
      face.touch(trace.page(touch));
    }
    PageOrder order = new PageOrder();
    face.lastToGoFirst(true, order);
    face.lastToGoFirst(false, order);
    int setSize = order.size();
    order.addByRecency(trace);
    return order.ranking(setSize);
  }

  static final class Face {
    static final int NONE = -1;

    private final int[] frames;
    private final boolean[] resident;
    private final boolean[] bits;
    private int held;
    private int hand;

    Face(int memoryPages, int capacity) {
      frames = new int[Math.min(capacity, memoryPages)];
      resident = new boolean[memoryPages];
      bits = new boolean[memoryPages];
    }

    /** Touches a page; returns the page that it drives out, or {@link #NONE}. */
    int touch(int page) {
      bits[page] = true;
      if (resident[page]) {
        return NONE;
      }
      resident[page] = true;
      if (held < frames.length) {
        frames[held++] = page;
        return NONE;
      }
      while (bits[frames[hand]]) {
        bits[frames[hand]] = false;
        moveHand();
      }
      int victim = frames[hand];
      resident[victim] = false;
      frames[hand] = page;
      moveHand();
      return victim;
    }

    /** Adds the pages with this bit, those first that the hand would come to last. */
    void lastToGoFirst(boolean bit, PageOrder order) {
      for (int i = held - 1; i >= 0; i--) {
        int page = frames[(hand + i) % held];
        if (bits[page] == bit) {
          order.add(page);
        }
      }
    }

    private void moveHand() {
      hand = hand + 1 == frames.length ? 0 : hand + 1;
    }
  }
}
