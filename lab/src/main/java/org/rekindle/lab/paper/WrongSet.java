package org.rekindle.lab.paper;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;

/** Working sets that are wrong on purpose: too small, or too large. The same from the same seed. */
public final class WrongSet {
  private WrongSet() {}

  /** A random part of a working set, in its order (VEE'11, figure 8). */
  public static Profile kept(Profile workingSet, double share, long seed) {
    List<Integer> ranks = new ArrayList<>(IntStream.range(0, workingSet.size()).boxed().toList());
    Collections.shuffle(ranks, new Random(seed));
    int[] kept =
        ranks.stream()
            .limit(Math.round(share * workingSet.size()))
            .mapToInt(Integer::intValue)
            .sorted()
            .toArray();
    return new Profile(
        IntStream.of(kept).map(workingSet::page).toArray(),
        IntStream.of(kept).mapToLong(workingSet::touchNs).toArray(),
        IntStream.of(kept).mapToObj(workingSet::access).toArray(Access[]::new),
        workingSet.horizonNs(),
        workingSet.source());
  }

  /**
   * A working set with others behind it.
   *
   * @param others pages to choose from at random
   * @param more how many; all of them if there are fewer
   */
  public static Profile widened(Profile workingSet, BitSet others, int more, long seed) {
    List<Integer> chosen = new ArrayList<>(others.stream().boxed().toList());
    Collections.shuffle(chosen, new Random(seed));
    int known = workingSet.size();
    int[] pages = Arrays.copyOf(workingSet.pages(), known + Math.min(more, chosen.size()));
    long[] touchNs = new long[pages.length];
    Access[] access = new Access[pages.length];
    for (int rank = 0; rank < pages.length; rank++) {
      boolean isKnown = rank < known;
      pages[rank] = isKnown ? pages[rank] : chosen.get(rank - known);
      touchNs[rank] = isKnown ? workingSet.touchNs(rank) : workingSet.horizonNs();
      access[rank] = isKnown ? workingSet.access(rank) : Access.UNKNOWN;
    }
    return new Profile(pages, touchNs, access, workingSet.horizonNs(), workingSet.source());
  }
}
