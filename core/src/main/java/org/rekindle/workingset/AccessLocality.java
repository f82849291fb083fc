package org.rekindle.workingset;

import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;

/** Which pages are touched together, as an order in which those lie side by side. */
public final class AccessLocality {
  /*
   * The idea is Halite's (Zhang et al., USENIX ATC'13): which pages a guest will touch cannot be
   * known, for it takes another way each time; but pages that were touched together once will be
   * touched together again. So an image is laid out in the order of access, and a miss, which reads
   * a whole block anyway, brings what is wanted next instead of what happens to lie beside it in
   * guest-physical memory. Halite has one trace, that of the save. Here there are several runs:
   * pages are taken run by run, the last one first, each run's pages in its order, and each page
   * once. So what all runs share has the latest order, and what only one kind of run touches lies
   * together, not strewn among the rest, where it would come with each miss and be wasted.
   *
   * Why not by how often two pages are touched within the same short time (a graph, to be cut into
   * blocks): of a handful of runs nearly all pairs have been seen once, and ties would decide. Why
   * not the merged set alone: that lies in the hot store in its order already; it is what the set
   * has not that misses are about.
   *
   * It fails where a guest's threads interleave differently in each run: a block then has pages of
   * several threads. Halite keeps one open block for each virtual CPU; what we record does not know
   * which CPU it was, but for VMMs that tell.
   */

  private AccessLocality() {}

  /**
   * All pages of a guest, each once: first those that were seen, as they were touched together,
   * then the others in guest-physical order, so that what fills them in reads on and on.
   *
   * @param runs what each has touched, the last run last
   */
  public static int[] order(List<Profile> runs, int guestPages) {
    BitSet seen = new BitSet(guestPages);
    int[] order = new int[guestPages];
    int size = 0;
    for (Profile run : runs.reversed()) {
      for (int page : run.pages()) {
        if (!seen.get(page)) {
          seen.set(page);
          order[size++] = page;
        }
      }
    }
    int[] others = IntStream.range(0, guestPages).filter(page -> !seen.get(page)).toArray();
    System.arraycopy(others, 0, order, size, others.length);
    return order;
  }

  /** How many pages the runs have touched, each counted once: how far {@link #order} is theirs. */
  public static int touched(List<Profile> runs) {
    BitSet seen = new BitSet();
    runs.forEach(run -> Arrays.stream(run.pages()).forEach(seen::set));
    return seen.cardinality();
  }
}
