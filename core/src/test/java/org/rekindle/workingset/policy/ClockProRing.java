package org.rekindle.workingset.policy;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * CLOCK-Pro as the paper draws it: a ring that stands still and three hands that go round, one page
 * at a time. Slow; what {@link ClockPro} does faster on a list cut open at HAND_hot must equal it.
 */
final class ClockProRing {
  enum Kind {
    HOT,
    COLD,
    GONE
  }

  final Map<Integer, Kind> kinds = new HashMap<>(); // of the pages on the ring
  final Set<Integer> bits = new HashSet<>();
  final Set<Integer> inTest = new HashSet<>();
  int coldTarget = 1;
  private final List<Integer> ring = new ArrayList<>(); // hands move to higher indexes
  private final int[] hands = {-1, -1, -1}; // the pages that they stand at
  private static final int HOT_HAND = 0;
  private static final int COLD_HAND = 1;
  private static final int TEST_HAND = 2;
  private final int memory;

  /** At most 199 pages of memory, so that cold pages have room for at least one. */
  ClockProRing(int memory) {
    this.memory = memory;
  }

  /** From the list head, just behind HAND_hot, back to the page at HAND_hot. */
  List<Integer> fromHead() {
    List<Integer> pages = new ArrayList<>();
    int hot = ring.indexOf(hands[HOT_HAND]);
    for (int i = 1; i <= ring.size(); i++) {
      pages.add(ring.get(Math.floorMod(hot - i, ring.size())));
    }
    return pages;
  }

  private int count(Kind kind) {
    return (int) kinds.values().stream().filter(each -> each == kind).count();
  }

  private int resident() {
    return count(Kind.HOT) + count(Kind.COLD);
  }

  void touch(int page) {
    if (kinds.get(page) == Kind.HOT || kinds.get(page) == Kind.COLD) {
      bits.add(page);
      return;
    }
    while (resident() == memory) {
      runColdHand();
    }
    if (kinds.get(page) == Kind.GONE) {
      promote(page);
    } else if (resident() < memory - coldTarget) {
      putAtHead(page, Kind.HOT);
    } else {
      putAtHead(page, Kind.COLD);
      inTest.add(page);
    }
  }

  private void runColdHand() {
    int page = stepOff(COLD_HAND);
    if (kinds.get(page) != Kind.COLD) {
      return;
    }
    if (bits.remove(page)) {
      if (inTest.contains(page)) {
        promote(page);
      } else {
        putAtHead(page, Kind.COLD);
        inTest.add(page);
      }
    } else if (inTest.contains(page)) {
      kinds.put(page, Kind.GONE);
      while (count(Kind.GONE) > memory) {
        endTest(stepOff(TEST_HAND));
      }
    } else {
      takeOut(page);
    }
  }

  private void promote(int page) {
    aim(+1);
    inTest.remove(page);
    putAtHead(page, Kind.HOT);
    while (count(Kind.HOT) > memory - coldTarget) {
      int before = count(Kind.HOT);
      while (count(Kind.HOT) == before) {
        int passed = stepOff(HOT_HAND);
        if (kinds.get(passed) != Kind.HOT) {
          endTest(passed);
        } else if (!bits.remove(passed)) {
          kinds.put(passed, Kind.COLD);
        }
      }
      while (kinds.get(hands[HOT_HAND]) != Kind.HOT) {
        endTest(stepOff(HOT_HAND));
      }
    }
  }

  private void endTest(int page) {
    if (inTest.remove(page)) {
      aim(bits.contains(page) ? +1 : -1);
      if (kinds.get(page) == Kind.GONE) {
        takeOut(page);
      }
    }
  }

  private void aim(int change) {
    coldTarget = Math.clamp(coldTarget + change, 1, memory - 1);
  }

  /** Moves a hand on by one page; returns the page that it stood at. */
  private int stepOff(int hand) {
    int page = hands[hand] < 0 ? hands[HOT_HAND] : hands[hand];
    hands[hand] = ring.get((ring.indexOf(page) + 1) % ring.size());
    return page;
  }

  private void putAtHead(int page, Kind kind) {
    takeOut(page);
    kinds.put(page, kind);
    ring.add(Math.max(ring.indexOf(hands[HOT_HAND]), 0), page);
    hands[HOT_HAND] = hands[HOT_HAND] < 0 ? page : hands[HOT_HAND];
  }

  private void takeOut(int page) {
    for (int hand = 0; hand < hands.length; hand++) {
      if (hands[hand] == page) {
        stepOff(hand);
      }
    }
    ring.removeIf(each -> each == page);
    kinds.remove(page);
  }
}
