package org.rekindle.workingset.policy;

import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Ranking;

/*
 * A control: least frequently used, with perfect memory. Pages by the number of their touches (from
 * sweeps: the number of sweeps that found them), then by recency. No set of its own: all it saw.
 *
 * For restore. Frequency is the wrong question, asked as plainly as possible: the first touch of a
 * page costs, the thousandth does not. What it gets right is that a page in steady use will be used
 * soon. Where the others are not better than this, their cleverness is lost on the workload.
 *
 * How it fails. It never forgets: pages of a phase long gone, once busy, stay in front. In a trace of
 * first touches all counts are alike and it is recency.
 */

/** Pages by how often they were touched. */
public record Frequency() implements TouchPolicy {
  @Override
  public String name() {
    return "frequency";
  }

  @Override
  public Ranking rank(AccessTrace trace) {
    int[] touches = new int[trace.memoryPages()];
    for (int touch = 0; touch < trace.size(); touch++) {
      touches[trace.page(touch)]++;
    }
    int[] pages =
        PageOrder.sorted(
            PageOrder.byRecency(trace), (a, b) -> Integer.compare(touches[b], touches[a]));
    return new Ranking(pages, pages.length);
  }
}
