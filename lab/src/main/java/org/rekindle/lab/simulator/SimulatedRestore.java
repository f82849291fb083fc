package org.rekindle.lab.simulator;

import java.util.List;
import org.rekindle.responsiveness.Stall;
import org.rekindle.responsiveness.StallTimeline;
import org.rekindle.responsiveness.TtrCurve;
import org.rekindle.restore.Outcome;

/**
 * What came of a simulated restore. All times count from the restore command.
 *
 * @param outcome as of any restore
 * @param stalls when the guest stood still, without the time before its first instruction
 */
public record SimulatedRestore(Outcome outcome, List<Stall> stalls) {
  public StallTimeline timeline() {
    return StallTimeline.of(outcome.firstInstructionNs(), 1, stalls);
  }

  /** Time to responsiveness for windows of this length. */
  public TtrCurve ttr(long windowNs) {
    return timeline().ttr(windowNs);
  }
}
