package org.rekindle.workingset;

import java.util.Arrays;
import java.util.BitSet;

/**
 * How well a working set has met what a restored guest asked for, as far as a restore sees it.
 *
 * @param setPages pages of the set
 * @param outsidePages pages that the guest waited for and that are not in the set
 * @param sample of the set's pages, with how many of them were touched
 */
public record SetFit(int setPages, int outsidePages, SetSample sample) {
  /*
   * A restore sees faults, and a page that is there does not fault: which pages of the set were
   * touched after they had been prefetched is known of the sample only, and what the guest touched
   * outside of the set after the fill had brought it is not seen at all. So this tells bounds, and
   * nothing is guessed. At most the sample's upper bound of the set was touched, and at least the
   * faults outside of it were touched outside; so of all that the guest touched at least the share
   * outside / (outside + touched of the set) was not in the set.
   *
   * A set is called stale when that share is more than half: then it cannot have had half of what the
   * guest wanted, whatever is not seen. That is far from what chance does: clones of one machine
   * that touch the same pages but for 18 % are the rule. It is stale as well when less than half of
   * it was touched: every page of no use stands before one of use, and the prefetch takes twice the
   * time that it should.
   */

  /**
   * What a restore tells of a set.
   *
   * @param seen what it faulted on, within the time for which the set was watched
   * @param sample what it learnt of the set's own pages
   */
  public static SetFit of(Profile set, Profile seen, SetSample sample) {
    BitSet inside = new BitSet();
    Arrays.stream(set.pages()).forEach(inside::set);
    int outside = (int) Arrays.stream(seen.pages()).filter(page -> !inside.get(page)).count();
    return new SetFit(set.size(), outside, sample);
  }

  /** At least this share of what the guest touched was not in the set. */
  public double outsideShareAtLeast() {
    double inside = setPages * sample.shareAtMost();
    return outsidePages == 0 ? 0 : outsidePages / (outsidePages + inside);
  }

  /**
   * Whether the set lacked more than half of what the guest touched, or had more that it did not
   * touch; certainly as far as faults tell, and with 95 % where the sample does.
   */
  public boolean stale() {
    return outsideShareAtLeast() > 0.5 || sample.shareAtMost() < 0.5;
  }
}
