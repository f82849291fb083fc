package org.rekindle.workingset.policy;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Ranking;

/*
 * A control: the pages that were seen, in random order. It knows which pages the guest ever touched,
 * as all policies do, and nothing of when or how often: what a policy gains over it is what its
 * order is worth. (Pages at random from the whole memory need no experiment: a budget of b pages of n
 * covers b/n of whatever is touched.)
 *
 * How it fails: it cannot, which is the point; but one seed is one draw, so compare with several.
 * Seeds in a row are as good as any: SplittableRandom mixes its seed. (Random does not: over seeds 0 to
 * 23,999, some orders of four pages came up a fifth more often than others.)
 */

/**
 * The pages that were seen, shuffled.
 *
 * @param seed equal seeds give equal orders
 */
public record Shuffled(long seed) implements TouchPolicy {
  @Override
  public String name() {
    return "random";
  }

  @Override
  public Ranking rank(AccessTrace trace) {
    int[] pages = PageOrder.byRecency(trace);
    Arrays.sort(pages); // so that only the seed decides, not the order of touches
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = pages.length - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      int page = pages[i];
      pages[i] = pages[j];
      pages[j] = page;
    }
    return new Ranking(pages, pages.length);
  }
}
