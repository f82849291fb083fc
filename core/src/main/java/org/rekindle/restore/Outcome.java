package org.rekindle.restore;

import java.util.BitSet;
import org.jspecify.annotations.Nullable;
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
 * @param dutyCycle how long the pager did not look for faults
 * @param tally pages placed, by cause
 * @param prefetched the pages that the plan's prefetch brought
 * @param sample what is known of the touches of prefetched pages; see {@link CanaryGuest}
 * @param inOneGo the decision to read everything in one go; null if there was none
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
    DutyCycle dutyCycle,
    Tally tally,
    BitSet prefetched,
    SetSample sample,
    @Nullable InOneGo inOneGo,
    long bytesRead,
    long reads) {

  /**
   * Why misses were not served any more, and everything was read in one go.
   *
   * @param decidedNs when that was decided
   * @param misses until then
   * @param servingNs in what time the target would have been met by serving misses, as forecast
   * @param readingNs how long reading the rest was to take
   */
  public record InOneGo(long decidedNs, int misses, long servingNs, long readingNs) {}

  /** The same outcome, once it is known when the guest began to run. */
  public Outcome withFirstInstructionNs(long ns) {
    return with(ns, sample);
  }

  /** The same outcome, and what its guest told of the touches of prefetched pages. */
  public Outcome with(SetSample learnt) {
    return with(firstInstructionNs, learnt);
  }

  private Outcome with(long knownFirstInstructionNs, SetSample knownSample) {
    return new Outcome(
        plan,
        startedNs,
        knownFirstInstructionNs,
        allInNs,
        endedNs,
        faults,
        dutyCycle,
        tally,
        prefetched,
        knownSample,
        inOneGo,
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
