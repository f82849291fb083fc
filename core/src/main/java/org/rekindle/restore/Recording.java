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
    FaultLog log = outcome.faults();
    int[] byArrival =
        IntStream.range(0, log.size())
            .boxed()
            .sorted(Comparator.comparingLong(log::arrivalNs))
            .mapToInt(Integer::intValue)
            .toArray();
    long runFromNs = Math.max(outcome.startedNs(), outcome.firstInstructionNs());
    long stalledUntilNs = runFromNs;
    long waitedNs = 0;
    int[] pages = new int[log.size()];
    long[] touchNs = new long[log.size()];
    Access[] access = new Access[log.size()];
    BitSet seen = new BitSet();
    int size = 0;
    for (int i : byArrival) {
      long arrivalNs = Math.max(log.arrivalNs(i), stalledUntilNs);
      if (!seen.get(log.page(i))) {
        seen.set(log.page(i));
        pages[size] = log.page(i);
        touchNs[size] = arrivalNs - runFromNs - waitedNs;
        access[size] = log.write(i) ? Access.WRITE : Access.UNKNOWN;
        size++;
      }
      if (log.servedNs(i) > arrivalNs) {
        waitedNs += log.servedNs(i) - arrivalNs;
        stalledUntilNs = log.servedNs(i);
      }
    }
    long endNs = outcome.endedNs();
    return new Profile(
        Arrays.copyOf(pages, size),
        Arrays.copyOf(touchNs, size),
        Arrays.copyOf(access, size),
        Math.max(0, endNs - runFromNs - waitedNs),
        "record");
  }
}
