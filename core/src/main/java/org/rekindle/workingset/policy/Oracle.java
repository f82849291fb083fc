package org.rekindle.workingset.policy;

import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.Ranking;

/*
 * A control: the future is known. Pages in the order in which the restored guest will touch them for
 * the first time, and then, for budgets beyond that, the others that were seen, by recency. Its set is
 * exact, so its coverage and precision are 1, and at every smaller budget nobody covers more; of all
 * orders that do so it brings each page as early as it is wanted.
 *
 * How it fails. A restored guest waits less when its pages are there, and then touches others: what
 * was recorded on one restore is the future of that restore only. It is also the only policy that
 * ranks pages that were never seen before the save; how many of those there are bounds what any other
 * can cover.
 */

/**
 * The order of a known future.
 *
 * @param future what the restored guest touched, in order of first touch
 */
public record Oracle(Profile future) implements TouchPolicy {
  @Override
  public String name() {
    return "oracle";
  }

  @Override
  public Ranking rank(AccessTrace trace) {
    PageOrder order = new PageOrder();
    order.add(future.pages());
    int setSize = order.size();
    order.addByRecency(trace);
    return order.ranking(setSize);
  }
}
