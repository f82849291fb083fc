package org.rekindle.workingset;

import java.util.ArrayList;
import java.util.List;

/**
 * What the latest runs of one guest have touched, each as it was seen: all that a {@link MergeRule}
 * needs, so that runs can be merged anew by another rule. Immutable.
 *
 * @param runs the last run last; at most {@link #MAX_RUNS}
 */
public record RunHistory(List<Profile> runs) {
  /**
   * As many as a vote takes notice of: the eighth from the last counts for a fifth of the last
   * ({@link MergeRule#DECAY}). Of a working set of 96 MiB each takes 140 KiB.
   */
  public static final int MAX_RUNS = 8;

  /** No runs. */
  public static final RunHistory NONE = new RunHistory(List.of());

  /**
   * @throws IllegalArgumentException if there are too many runs
   */
  public RunHistory {
    if (runs.size() > MAX_RUNS) {
      throw new IllegalArgumentException(
          "a history has at most " + MAX_RUNS + " runs: " + runs.size());
    }
    runs = List.copyOf(runs);
  }

  /** This history and one more run; the oldest is forgotten if there are too many. */
  public RunHistory plus(Profile run) {
    List<Profile> all = new ArrayList<>(runs);
    all.add(run);
    return new RunHistory(all.subList(Math.max(0, all.size() - MAX_RUNS), all.size()));
  }
}
