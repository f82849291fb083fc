package org.rekindle.restore;

import java.util.BitSet;
import org.rekindle.workingset.SetSample;

/**
 * What happened in a restore. Times are on the clock of {@link System#nanoTime}; -1 where it did
 * not happen.
 *
 * @param plan the plan that was carried out
 * @param startedNs when the guest was told to run
 * @param firstInstructionNs when it ran, as the VMM tells
 * @param allInNs when the last page had been placed
 * @param endedNs when the restore ended
 * @param faults every fault
 * @param gaps how long the pager did not look for faults
 * @param tally pages placed, by cause
 * @param prefetched the pages that the plan's prefetch brought
 * @param sample what is known of the touches of prefetched pages; see {@link CanaryGuest}
 * @param bytesRead bytes of page data read from the image
 * @param reads in how many reads
 */
public record Outcome(
    Plan plan,
    long startedNs,
    long firstInstructionNs,
    long allInNs,
    long endedNs,
    FaultLog faults,
    Gaps gaps,
    Tally tally,
    BitSet prefetched,
    SetSample sample,
    long bytesRead,
    long reads) {

  /** The same outcome, once it is known when the guest began to run. */
  public Outcome withFirstInstructionNs(long ns) {
    return new Outcome(
        plan,
        startedNs,
        ns,
        allInNs,
        endedNs,
        faults,
        gaps,
        tally,
        prefetched,
        sample,
        bytesRead,
        reads);
  }

  /** The same outcome, and what its guest told of the touches of prefetched pages. */
  public Outcome with(SetSample learnt) {
    return new Outcome(
        plan,
        startedNs,
        firstInstructionNs,
        allInNs,
        endedNs,
        faults,
        gaps,
        tally,
        prefetched,
        learnt,
        bytesRead,
        reads);
  }

  /** Faults that waited for a page to be brought, not for one that was on its way. */
  public int demandFaults() {
    int demanded = 0;
    for (int i = 0; i < faults.size(); i++) {
      if (faults.cause(i) != Cause.LATE) {
        demanded++;
      }
    }
    return demanded;
  }
}
