package org.rekindle.scan;

import java.util.Arrays;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.Ranking;
import org.rekindle.workingset.Sweeps;
import org.rekindle.workingset.policy.Ageing;

/**
 * What a scan of a running guest saw, and of what.
 *
 * @param region of the guest's memory that was scanned, by its name in an image
 * @param backend what observed it, for people
 * @param readGranularityPages how many pages count as read when one of them is; 0 if only writes
 *     were seen
 * @param sweeps over the pages of the region, from 0 on
 */
public record Scan(String region, String backend, int readGranularityPages, Sweeps sweeps) {
  /**
   * The pages that sweeps found, as a working set: those that were touched more lately and more
   * often first (eight bits of ageing; of a single sweep that is the paper's estimator).
   *
   * @param firstPage number of the region's first page in the image
   */
  public Profile profile(int firstPage) {
    Ranking ranking =
        new Ageing(Ageing.USUAL_BITS, Sweeps.sweepNs(sweeps.memoryPages())).rank(sweeps);
    int[] pages = Arrays.stream(ranking.pages()).map(page -> firstPage + page).toArray();
    return new Ranking(pages, ranking.setSize()).profile(ranking.setSize(), "scan");
  }
}
