package org.rekindle.workingset.policy;

import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Ranking;

/*
 * LRU-K (O'Neil, O'Neil, Weikum, SIGMOD 1993). Recency cannot tell a page that is used every second
 * from one that was used once, a moment ago. So order pages by the age of their K-th last reference,
 * the backward K-distance b(p, K), infinite for pages with fewer: the smallest is the best. K = 2 is
 * the authors' advice; 1 is LRU.
 *
 * Two refinements of the paper (section 2.1), both in time, not in touches:
 *
 *  * Correlated references. A touch within the correlated reference period after the last one belongs
 *    to the same burst (a transaction, a loop), and says nothing of how soon the page comes back when
 *    the burst is over. A burst counts as one reference, and its length is taken out of the distances
 *    of the older ones (figure 2.1: they move forward by it). The paper's example is 5 seconds.
 *
 *        touches     x   xx x            x x          t        bursts as references
 *                    |---burst---|       |-|
 *        HIST(1) = begin of the last burst
 *        HIST(2) = begin of the burst before, plus its length: its last touch
 *
 *    A page in its burst is not given up however bad its distance is. It therefore ranks before all
 *    that are not; among those in a burst, distance decides again.
 *
 *  * Retained information. What is known of a page is forgotten a while after its last touch: 200
 *    seconds, twice the time after which the five-minute rule would not hold a page. A forgotten page
 *    that comes back is a new one. At the save, forgotten pages rank last, by recency.
 *
 * With pages of equal distance (infinite above all), recency decides, the paper's subsidiary policy.
 * There is no capacity: all pages have a history, the set is those whose history is retained.
 *
 * For restore. The 5 seconds protect what VEE'11 wants protected, pages touched just before the save,
 * once or not. Behind them the order prefers pages in steady use to a scan's, which is where a cache's
 * interest and a restore's part ways: a scan that is under way at the save goes on after it.
 *
 * How it fails. Observed for less than a few periods, most pages are in a burst or have no second
 * reference, and what remains is LRU. Observed through sweeps, a reference is a sweep that found the
 * page: sweeps further apart than the correlated reference period make each its own burst, closer
 * ones make one burst of a page that is in use all the time, and such a page has a distance of
 * infinity, protected only by being in its burst.
 */

/**
 * Pages by the age of their K-th last uncorrelated reference.
 *
 * @param k how many references back, at least 1
 * @param correlatedNs touches at most so far apart are one reference, ns; 0 if only touches at the
 *     same instant are
 * @param retainedNs how long after its last touch a page is remembered, ns
 */
public record LruK(int k, long correlatedNs, long retainedNs) implements TouchPolicy {
  public LruK {
    if (k < 1 || correlatedNs < 0 || retainedNs < correlatedNs) {
      throw new IllegalArgumentException(
          "no LRU-K with K " + k + " and periods " + correlatedNs + ", " + retainedNs + " ns");
    }
  }

  /** K = 2, correlated reference period 5 s, retained information period 200 s. */
  public static LruK asPublished() {
    return new LruK(2, TimeUnit.SECONDS.toNanos(5), TimeUnit.SECONDS.toNanos(200));
  }

  @Override
  public String name() {
    return "lru-" + k;
  }

  @Override
  public Ranking rank(AccessTrace trace) {
    History history = new History(trace.memoryPages());
    for (int touch = 0; touch < trace.size(); touch++) {
      history.touch(trace.page(touch), trace.atNs(touch));
    }
    long endNs = trace.endNs();
    int[] pages =
        PageOrder.sorted(PageOrder.byRecency(trace), (a, b) -> history.compare(a, b, endNs));
    int setSize = 0;
    while (setSize < pages.length && history.standing(pages[setSize], endNs) != FORGOTTEN) {
      setSize++;
    }
    return new Ranking(pages, setSize);
  }

  private static final int IN_BURST = 0;
  private static final int RETAINED = 1;
  private static final int FORGOTTEN = 2;

  /** HIST and LAST of figure 2.1. */
  private final class History {
    private static final long NEVER = Long.MIN_VALUE;

    private final long[] lastNs;
    private final long[][] histNs; // [i] is HIST(., i + 1)

    History(int memoryPages) {
      lastNs = new long[memoryPages];
      Arrays.fill(lastNs, NEVER);
      histNs = new long[k][memoryPages];
      for (long[] each : histNs) {
        Arrays.fill(each, NEVER);
      }
    }

    void touch(int page, long atNs) {
      boolean known = lastNs[page] != NEVER && atNs - lastNs[page] <= retainedNs;
      if (!known) {
        for (long[] each : histNs) {
          each[page] = NEVER;
        }
      }
      if (!known || atNs - lastNs[page] > correlatedNs) {
        for (int i = k - 1; i > 0; i--) {
          long older = histNs[i - 1][page];
          histNs[i][page] = older == NEVER ? NEVER : older + lastNs[page] - histNs[0][page];
        }
        histNs[0][page] = atNs;
      }
      lastNs[page] = atNs;
    }

    int standing(int page, long endNs) {
      long sinceNs = endNs - lastNs[page];
      return sinceNs <= correlatedNs ? IN_BURST : sinceNs <= retainedNs ? RETAINED : FORGOTTEN;
    }

    int compare(int a, int b, long endNs) {
      int standing = standing(a, endNs);
      int byStanding = Integer.compare(standing, standing(b, endNs));
      boolean undecided = byStanding == 0 && standing != FORGOTTEN;
      return undecided ? Long.compare(histNs[k - 1][b], histNs[k - 1][a]) : byStanding;
    }
  }
}
