package org.rekindle.lab.paper;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;

/** Makes up what a guest touches first after its restore; the same from the same seed. */
final class FirstTouches {
  /*
   * Two things decide how a restore fares: where the pages lie (how many of them one read brings)
   * and when they are wanted. Both have the simplest form that has the property.
   *
   * Where: in clusters, so many consecutive pages of an aligned window, in windows that are drawn at
   * random. A cluster is touched as one. If the host reads whole windows, the pages of a cluster are
   * what one read brings, which is a thing that was measured: pages of the set by demand reads.
   *
   * When: either decaying, as a program that goes on where it was stopped needs most of its pages at
   * once and ever fewer new ones (the k-th of n at -tau ln(1 - k/n), the quantiles of an
   * exponential distribution: WS(t) = n (1 - exp(-t / tau)), concave as Denning's working set curves
   * are); or steadily over a time; or in bursts, as something else wakes up now and then. (What
   * VEE'11 counts outside a set are pages that were missing, so bursts lie where its fill comes later.)
   */
  private static final long BURST_NS = 100_000_000;

  /** Share of a fill after which there is hardly anything left to ask for. */
  private static final double BURSTS_UNTIL = 0.9;

  private record Touch(int page, long atNs) {}

  private final int guestPages;
  private final Random random;
  private final BitSet takenWindows = new BitSet();
  private final List<Touch> touches = new ArrayList<>();

  FirstTouches(int guestPages, long seed) {
    this.guestPages = guestPages;
    this.random = new Random(seed);
  }

  /**
   * Takes pages in clusters, each in a window of its own.
   *
   * @param clusterPages how many on average: the whole numbers beside it are mixed
   * @param windowPages pages of a window
   * @return the pages, cluster by cluster in random order
   */
  int[] clusters(int pages, double clusterPages, int windowPages) {
    return clusters(pages, clusterPages, windowPages, 0);
  }

  private int[] clusters(int pages, double clusterPages, int windowPages, int firstWindow) {
    int windows = guestPages / windowPages;
    int free = windows - firstWindow - takenWindows.get(firstWindow, windows).cardinality();
    if (clusterPages > windowPages || Math.ceil(pages / clusterPages) > free) {
      throw new IllegalArgumentException(
          "%d pages in clusters of %.1f do not fit into windows of %d"
              .formatted(pages, clusterPages, windowPages));
    }
    int[] found = new int[pages];
    int size = 0;
    while (size < pages) {
      int window = firstWindow + random.nextInt(windows - firstWindow);
      if (takenWindows.get(window)) {
        continue;
      }
      takenWindows.set(window);
      int whole = (int) clusterPages;
      int length =
          Math.min(pages - size, whole + (random.nextDouble() < clusterPages - whole ? 1 : 0));
      int first = window * windowPages + random.nextInt(windowPages - length + 1);
      for (int i = 0; i < length; i++) {
        found[size++] = first + i;
      }
    }
    return found;
  }

  /** Touches pages in their order, the most of them soon. */
  FirstTouches decaying(int[] pages, long tauNs) {
    for (int k = 0; k < pages.length; k++) {
      touches.add(new Touch(pages[k], (long) (-tauNs * Math.log(1 - (double) k / pages.length))));
    }
    return this;
  }

  /** Touches pages in their order, at even distances. */
  FirstTouches steadily(int[] pages, long durationNs) {
    for (int k = 0; k < pages.length; k++) {
      touches.add(new Touch(pages[k], durationNs / pages.length * k));
    }
    return this;
  }

  /**
   * Takes pages that a linear fill has not come to yet, and touches them in bursts of up to so
   * many, each within a tenth of a second.
   *
   * @param fillNs how long the fill takes for the whole guest; the last bursts come before its end
   */
  FirstTouches inBurstsAheadOfFill(
      int pages, int burstPages, double clusterPages, int windowPages, long fillNs) {
    int windows = guestPages / windowPages;
    for (int left = pages; left > 0; left -= burstPages) {
      double passed = BURSTS_UNTIL * random.nextDouble();
      int[] burst =
          clusters(
              Math.min(left, burstPages),
              clusterPages,
              windowPages,
              (int) Math.ceil(passed * windows));
      for (int page : burst) {
        touches.add(new Touch(page, (long) (passed * fillNs) + random.nextLong(BURST_NS)));
      }
    }
    return this;
  }

  /** Touches pages of an area at random, again and again, at even distances. */
  FirstTouches atRandom(int from, int to, double touchesPerSecond, long durationNs) {
    long count = (long) (durationNs / 1e9 * touchesPerSecond);
    for (long k = 0; k < count; k++) {
      touches.add(new Touch(from + random.nextInt(to - from), (long) (k / touchesPerSecond * 1e9)));
    }
    return this;
  }

  /** All that was touched so far. */
  Profile profile(String source) {
    List<Touch> sorted = new ArrayList<>(touches);
    sorted.sort(Comparator.comparingLong(Touch::atNs)); // stable: runs stay together
    BitSet seen = new BitSet(guestPages);
    sorted.removeIf(touch -> {
      boolean again = seen.get(touch.page);
      seen.set(touch.page);
      return again;
    });
    Access[] access = new Access[sorted.size()];
    Arrays.fill(access, Access.UNKNOWN);
    return new Profile(
        sorted.stream().mapToInt(Touch::page).toArray(),
        sorted.stream().mapToLong(Touch::atNs).toArray(),
        access,
        sorted.isEmpty() ? 0 : sorted.getLast().atNs,
        source);
  }
}
