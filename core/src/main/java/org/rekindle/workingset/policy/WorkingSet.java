package org.rekindle.workingset.policy;

import java.util.concurrent.TimeUnit;
import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Ranking;

/*
 * The working set of Denning (CACM 11(5), 1968): W(t, tau), the pages touched in (t - tau, t]. The
 * idea is that a program goes through phases, and within one the near future looks like the near
 * past. Pages are ordered by their backward distance t - last(p), which is plain recency; tau only
 * says where the set ends.
 *
 * For restore. The simplest thing that answers the right question: a page that was touched once
 * counts as much as one that was touched a thousand times, as it will cost one fault either way.
 * Denning gives no number for tau, since his depends on the cost of a page; VEE'11 gives one for
 * restore, the time that a restore lasts, because the set should be what one restore touches.
 *
 * How it fails. A sweep over much memory just before the save (a backup, a garbage collection)
 * pushes everything else back by its own length, and the boundary of a phase just before the save
 * makes it a picture of the phase that is over. By the paper's rule, a guest of another size has
 * another tau although it may run the same program. Seen through sweeps, all pages of one sweep are
 * equally recent, and where a budget cuts among them means nothing.
 */

/**
 * Denning's working set: pages by recency, the set being those of the last {@code tauNs}.
 *
 * @param tauNs length of the window, ns; by VEE'11 {@link org.rekindle.workingset.Sweeps#sweepNs}
 */
public record WorkingSet(long tauNs) implements TouchPolicy {
  public WorkingSet {
    if (tauNs <= 0) {
      throw new IllegalArgumentException("the window of a working set is longer than " + tauNs);
    }
  }

  @Override
  public String name() {
    return "working-set-" + TimeUnit.NANOSECONDS.toMillis(tauNs) + "ms";
  }

  @Override
  public Ranking rank(AccessTrace trace) {
    PageOrder order = new PageOrder();
    int touch = trace.size() - 1;
    for (; touch >= 0 && trace.atNs(touch) > trace.endNs() - tauNs; touch--) {
      order.add(trace.page(touch));
    }
    int setSize = order.size();
    order.addByRecency(trace);
    return order.ranking(setSize);
  }
}
