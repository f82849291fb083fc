package org.rekindle.responsiveness;

import java.util.List;
import java.util.TreeSet;

/**
 * The definitions, taken at their word in O(n^2) or worse: what the real code is compared with. It
 * shares nothing with it but {@link Stall}. Per virtual CPU if {@code vcpus > 0}.
 */
record BruteForce(long firstInstructionNs, int vcpus, List<Stall> stalls) {

  /** Stall in [from, to), nanosecond by nanosecond. */
  long stalledNs(long from, long to) {
    long sum = 0;
    for (long t = from; t < to; t++) {
      for (int cpu = 0; cpu < Math.max(1, vcpus); cpu++) {
        sum += stands(cpu, t) ? 1 : 0;
      }
    }
    return sum;
  }

  private boolean stands(int cpu, long t) {
    if (t < firstInstructionNs) {
      return true;
    }
    for (Stall s : stalls) {
      if (s.beginNs() <= t && t < s.endNs() && (vcpus == 0 || s.vcpu() == cpu)) {
        return true;
      }
    }
    return false;
  }

  /**
   * TTR by trying every whole nanosecond, from the last to the first: the earliest from which on
   * every window is good enough. All bends of the stall function lie on whole nanoseconds, so
   * between two good ones there is no bad one.
   */
  long ttrNs(long windowNs, long neededNs) {
    if (neededNs == 0) {
      return 0;
    }
    long budgetNs = Math.max(1, vcpus) * windowNs;
    long t = Math.max(firstInstructionNs, lastEndNs());
    while (t > firstInstructionNs && budgetNs - stalledNs(t - 1, t - 1 + windowNs) >= neededNs) {
      t--;
    }
    return t;
  }

  long lastEndNs() {
    return stalls.stream().mapToLong(Stall::endNs).max().orElse(0);
  }

  /** MMU over windows that begin at every edge, every edge minus w, and at both ends. */
  double mmu(long windowNs, long from, long to) {
    TreeSet<Long> begins = new TreeSet<>(List.of(from, to - windowNs, firstInstructionNs));
    begins.add(firstInstructionNs - windowNs);
    for (Stall s : stalls) {
      begins.addAll(List.of(s.beginNs(), s.endNs(), s.beginNs() - windowNs, s.endNs() - windowNs));
    }
    double budget = (double) Math.max(1, vcpus) * windowNs;
    double least = 1;
    for (long begin : begins.subSet(from, true, to - windowNs, true)) {
      least = Math.min(least, (budget - stalledNs(begin, begin + windowNs)) / budget);
    }
    return least;
  }
}
