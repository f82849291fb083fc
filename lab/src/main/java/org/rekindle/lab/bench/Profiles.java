package org.rekindle.lab.bench;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;
import java.util.stream.IntStream;
import org.rekindle.image.Image;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;

/** Profiles made of a recorded one: in others' orders, and wrong ones. */
final class Profiles {
  private Profiles() {}

  /** By address. */
  static Profile byAddress(Profile profile) {
    return inOrder(profile, profile.size());
  }

  /** Groups of so many pages in first-touch order, by address inside each. */
  static Profile inGroups(Profile profile, int groupPages) {
    return inOrder(profile, groupPages);
  }

  private static Profile inOrder(Profile profile, int groupPages) {
    int[] pages = profile.pages();
    for (int first = 0; first < pages.length; first += groupPages) {
      Arrays.sort(pages, first, Math.min(pages.length, first + groupPages));
    }
    long[] touchNs = IntStream.range(0, pages.length).mapToLong(profile::touchNs).toArray();
    return profile(pages, touchNs, profile, "reordered");
  }

  /** Without so many percent of its pages, chosen at random. */
  static Profile without(Profile profile, int percent, Random random) {
    int[] kept =
        IntStream.range(0, profile.size()).filter(_ -> random.nextInt(100) >= percent).toArray();
    return profile(
        Arrays.stream(kept).map(profile::page).toArray(),
        Arrays.stream(kept).mapToLong(profile::touchNs).toArray(),
        profile,
        "with " + percent + " % dropped");
  }

  /** With as many more pages that the guest does not want, but that have to be read. */
  static Profile halfUseless(Profile profile, Image image, Random random) {
    BitSet taken = new BitSet();
    for (int page : profile.pages()) {
      taken.set(page);
    }
    int[] others =
        IntStream.range(0, image.memory().pages())
            .filter(page -> !taken.get(page) && image.base().blockOf(page) >= 0)
            .toArray();
    int useless = Math.min(profile.size(), others.length);
    int[] pages = new int[profile.size() + useless];
    long[] touchNs = new long[pages.length];
    int size = 0;
    for (int rank = 0; rank < profile.size(); rank++) {
      pages[size] = profile.page(rank);
      touchNs[size++] = profile.touchNs(rank);
      if (rank < useless) {
        int chosen = rank + random.nextInt(others.length - rank);
        pages[size] = others[chosen];
        touchNs[size++] = profile.touchNs(rank);
        others[chosen] = others[rank];
      }
    }
    return profile(pages, touchNs, profile, "with as many useless pages");
  }

  private static Profile profile(int[] pages, long[] touchNs, Profile of, String how) {
    Access[] access = new Access[pages.length];
    Arrays.fill(access, Access.UNKNOWN);
    return new Profile(pages, touchNs, access, of.horizonNs(), of.source() + ", " + how);
  }
}
