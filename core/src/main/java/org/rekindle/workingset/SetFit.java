package org.rekindle.workingset;

import java.util.Arrays;
import java.util.BitSet;

/**
 * How well a working set has met what a restored guest asked for, as far as a restore sees it.
 *
 * @param setPages pages of the set
 * @param outsidePages pages that the guest waited for and that are not in the set
 */
public record SetFit(int setPages, int outsidePages) {
  /*
   * A restore sees faults, and a page that is there does not fault: which pages of the set were
   * touched after they had been prefetched cannot be seen, nor what the guest touched outside of the
   * set after the fill had brought it. So this tells bounds, and nothing is guessed. At most the
   * whole set was touched, and at least the faults outside of it were touched outside; so of all that
   * the guest touched at least the share outside / (outside + set) was not in the set.
   *
   * A set is called stale when that share is more than half: then it cannot have had half of what the
   * guest wanted, whatever is not seen. That is far from what chance does: clones of one machine
   * that touch the same pages but for 18 % are the rule. A set that is merely too large is never
   * called stale; it costs the prefetch its time, and a vote over recordings shrinks it.
   */

  /**
   * What a restore tells of a set.
   *
   * @param seen what it faulted on, within the time for which the set was watched
   */
  public static SetFit of(Profile set, Profile seen) {
    BitSet inside = new BitSet();
    Arrays.stream(set.pages()).forEach(inside::set);
    int outside = (int) Arrays.stream(seen.pages()).filter(page -> !inside.get(page)).count();
    return new SetFit(set.size(), outside);
  }

  /** At least this share of what the guest touched was not in the set. */
  public double outsideShareAtLeast() {
    return outsidePages == 0 ? 0 : (double) outsidePages / (outsidePages + setPages);
  }

  /** Whether the set certainly lacked more than half of what the guest touched. */
  public boolean stale() {
    return outsidePages > setPages;
  }
}
