package org.rekindle.workingset.policy;

import org.rekindle.workingset.Ranking;
import org.rekindle.workingset.Sweeps;

/** A policy that reads touches; of sweeps it gets their coarse trace. */
public sealed interface TouchPolicy extends RankingPolicy
    permits WorkingSet, Clock, LruK, Lirs, ClockPro, Car, Frequency, Shuffled, Oracle {
  @Override
  default Ranking rank(Sweeps sweeps) {
    return rank(sweeps.coarseTrace());
  }
}
