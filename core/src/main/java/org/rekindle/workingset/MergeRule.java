package org.rekindle.workingset;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.DoublePredicate;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/** How what several runs of one guest have touched becomes one working set. */
public enum MergeRule {
  /*
   * Two runs from the same checkpoint touch nearly the same pages in another order: among eight
   * clones of one machine practitioners found a median Jaccard index of 0.93, and 82 % of all pages
   * in every run. So a single run has some pages that are its own (timers, requests, the address
   * space's random layout), which prefetching then brings for nothing, and lacks some.
   *
   * UNION misses least and only ever grows: on long-lived clones it went from 6.5 to 122 GiB.
   * INTERSECTION (E2B's, of two runs) wastes least and only ever shrinks. VOTE stands between, and
   * forgets: a run counts for less the older it is, and a page is in if those that have it count for
   * more than those that have not. With one run or two it is the last one; from three on, a majority.
   *
   * The order is that of the mean time of first touch in the runs that have the page, weighted as
   * they count. E2B takes the mean rank; that is the same where runs are alike, and where one has
   * many pages of its own, their number would move all ranks behind them, but not the guest's own
   * time. The union keeps the earliest touch instead: it is the cautious rule.
   *
   * It fails where runs are of different kinds (a web server that one time serves pages and another
   * time a backup): the vote takes the commoner kind. What each kind has on its own is still kept
   * together by the image's layout, which needs no set.
   */

  /** The last run alone. */
  LAST,
  /** What any run has touched, each page at its earliest. */
  UNION,
  /** What all runs have touched. */
  INTERSECTION,
  /** What the majority has touched, where later runs count for more. */
  VOTE;

  /**
   * What a run counts for, in parts of the next later one. Three recent runs out-vote five older
   * ones (2.44 to 1.72), so that a guest whose habits have changed is followed after three runs. At
   * 0.6 the last of three runs would out-vote the other two (1 to 0.96), and at 1 it would take
   * four or five runs to follow.
   */
  public static final double DECAY = 0.8;

  /** The name on the command line and in a profile's source. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * Merges runs.
   *
   * @param runs what each has touched, the last run last; at least one
   */
  public Profile merge(List<Profile> runs) {
    Profile last = runs.getLast();
    if (runs.size() == 1) {
      return last;
    }
    double allWeights = weights(runs.size()).sum();
    String source = this + " of " + runs.size() + " runs";
    return switch (this) {
      case LAST -> last;
      case UNION -> runs.stream().reduce(Profile::union).orElseThrow().from(source);
      // A little less than all: sums in another order may differ in their last bits.
      case INTERSECTION ->
          new Votes(runs).elect(weight -> weight > allWeights * (1 - 1e-9), source);
      case VOTE -> new Votes(runs).elect(weight -> weight > allWeights / 2, source);
    };
  }

  /** What each of so many runs counts for, the last run last. */
  private static DoubleStream weights(int runs) {
    return IntStream.range(0, runs).mapToDouble(run -> weight(run, runs));
  }

  private static double weight(int run, int runs) {
    return Math.pow(DECAY, runs - 1 - run);
  }

  /** For each page, what the runs that have touched it count for, and when they did. */
  private static final class Votes {
    private final double[] weight;
    private final double[] weightedTouchNs;
    private final Access[] access; // as the latest run that knows has it
    private final long horizonNs;

    Votes(List<Profile> runs) {
      int pages =
          1 + runs.stream().flatMapToInt(run -> Arrays.stream(run.pages())).max().orElse(-1);
      weight = new double[pages];
      weightedTouchNs = new double[pages];
      access = new Access[pages];
      Arrays.fill(access, Access.UNKNOWN);
      for (int run = 0; run < runs.size(); run++) {
        add(runs.get(run), weight(run, runs.size()));
      }
      horizonNs = runs.stream().mapToLong(Profile::horizonNs).max().orElse(0);
    }

    private void add(Profile run, double counts) {
      for (int rank = 0; rank < run.size(); rank++) {
        int page = run.page(rank);
        weight[page] += counts;
        weightedTouchNs[page] += counts * run.touchNs(rank);
        if (run.access(rank) != Access.UNKNOWN) {
          access[page] = run.access(rank);
        }
      }
    }

    private long meanTouchNs(int page) {
      return Math.round(weightedTouchNs[page] / weight[page]);
    }

    Profile elect(DoublePredicate elected, String source) {
      int[] pages =
          IntStream.range(0, weight.length)
              .filter(page -> weight[page] > 0 && elected.test(weight[page]))
              .boxed()
              .sorted(Comparator.comparingLong(this::meanTouchNs)) // stable: then by page
              .mapToInt(Integer::intValue)
              .toArray();
      return new Profile(
          pages,
          Arrays.stream(pages).mapToLong(this::meanTouchNs).toArray(),
          Arrays.stream(pages).mapToObj(page -> access[page]).toArray(Access[]::new),
          horizonNs,
          source);
    }
  }
}
