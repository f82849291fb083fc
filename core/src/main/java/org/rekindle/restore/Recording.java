package org.rekindle.restore;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;

/** Makes a working set profile of a restore that fetched on demand only. */
public final class Recording {
  private Recording() {}

  /**
   * The pages that were faulted on, in order of arrival, with times in the guest's own time: since
   * it ran, without the time in which it stood waiting. (With several virtual CPUs one may run
   * while another waits; taking out all waiting then makes touches look a little earlier than they
   * are, which errs to the safe side.)
   */
  public static Profile profile(Outcome outcome) {
    return profile(outcome, Long.MAX_VALUE);
  }

  /** The same of the time before the guest had run for so long, by the clock outside. */
  public static Profile profile(Outcome outcome, long windowNs) {
    FaultLog log = outcome.faults();
    long runFromNs = Math.max(outcome.startedNs(), outcome.firstInstructionNs());
    int[] byArrival =
        IntStream.range(0, log.size())
            .filter(i -> log.arrivalNs(i) - runFromNs < windowNs)
            .boxed()
            .sorted(Comparator.comparingLong(log::arrivalNs))
            .mapToInt(Integer::intValue)
            .toArray();
    long stalledUntilNs = runFromNs;
    long waitedNs = 0;
    int touched = Arrays.stream(byArrival).map(log::pages).sum();
    int[] pages = new int[touched];
    long[] touchNs = new long[touched];
    Access[] access = new Access[touched];
    BitSet seen = new BitSet();
    int size = 0;
    for (int i : byArrival) {
      long arrivalNs = Math.max(log.arrivalNs(i), stalledUntilNs);
      for (int page = log.page(i); page < log.page(i) + log.pages(i); page++) {
        if (!seen.get(page)) {
          seen.set(page);
          pages[size] = page;
          touchNs[size] = arrivalNs - runFromNs - waitedNs;
          access[size] = log.write(i) ? Access.WRITE : Access.UNKNOWN;
          size++;
        }
      }
      if (log.servedNs(i) > arrivalNs) {
        waitedNs += log.servedNs(i) - arrivalNs;
        stalledUntilNs = log.servedNs(i);
      }
    }
    long endNs = windowNs == Long.MAX_VALUE ? outcome.endedNs() : runFromNs + windowNs;
    return new Profile(
        Arrays.copyOf(pages, size),
        Arrays.copyOf(touchNs, size),
        Arrays.copyOf(access, size),
        Math.max(0, endNs - runFromNs - waitedNs),
        "record");
  }
}
