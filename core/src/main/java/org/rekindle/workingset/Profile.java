package org.rekindle.workingset;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A working set profile: the pages that a guest touched after it was started, in the order of their
 * first touch.
 *
 * <p>Times are the guest's own: nanoseconds since its first instruction <em>without</em> the time
 * in which it stood still waiting for pages, so that a profile recorded on a slow restore still
 * tells when a guest that never waits would want each page.
 */
public final class Profile {
  private final int[] pages;
  private final long[] touchNs;
  private final Access[] access;
  private final long horizonNs;
  private final String source;

  /**
   * @param pages page numbers (see {@code MemoryMap}), each at most once, in order of first touch
   * @param touchNs first touch of each, not decreasing
   * @param access kind of each first touch
   * @param horizonNs how long the guest was observed, in its own time
   * @param source what found it, for people: {@code "record"}, {@code "access-bit scan"}
   */
  public Profile(int[] pages, long[] touchNs, Access[] access, long horizonNs, String source) {
    if (pages.length != touchNs.length || pages.length != access.length) {
      throw new IllegalArgumentException("pages, times and kinds differ in number");
    }
    for (int i = 1; i < touchNs.length; i++) {
      if (touchNs[i] < touchNs[i - 1]) {
        throw new IllegalArgumentException("touch " + i + " is earlier than the one before it");
      }
    }
    this.pages = pages.clone();
    this.touchNs = touchNs.clone();
    this.access = access.clone();
    this.horizonNs = horizonNs;
    this.source = source;
  }

  /** Number of pages. */
  public int size() {
    return pages.length;
  }

  /** The page that was touched as number {@code rank}. */
  public int page(int rank) {
    return pages[rank];
  }

  public long touchNs(int rank) {
    return touchNs[rank];
  }

  /** Whether pages have been touched at different times, as far as is known. */
  public boolean tellsTimes() {
    return size() > 0 && touchNs[0] < touchNs[size() - 1];
  }

  public Access access(int rank) {
    return access[rank];
  }

  public long horizonNs() {
    return horizonNs;
  }

  public String source() {
    return source;
  }

  /** The pages in order of first touch; a copy. */
  public int[] pages() {
    return pages.clone();
  }

  /** The first {@code size} pages of this profile: what a prefetch budget leaves of it. */
  public Profile first(int size) {
    int kept = Math.min(size, pages.length);
    return new Profile(
        Arrays.copyOf(pages, kept),
        Arrays.copyOf(touchNs, kept),
        Arrays.copyOf(access, kept),
        horizonNs,
        source);
  }

  /** What of this profile was touched within so much of the guest's own time. */
  public Profile within(long windowNs) {
    int kept = 0;
    while (kept < pages.length && touchNs[kept] < windowNs) {
      kept++;
    }
    Profile early = first(kept);
    return new Profile(
        early.pages, early.touchNs, early.access, Math.min(horizonNs, windowNs), source);
  }

  /** The same profile under the name of another source. */
  public Profile from(String newSource) {
    return new Profile(pages, touchNs, access, horizonNs, newSource);
  }

  /**
   * This profile and what a later run has seen: every page of both, each at the earlier of its
   * touches. Misses of a restore that prefetched by this profile complete it.
   */
  public Profile union(Profile later) {
    Map<Integer, Touch> touches = new HashMap<>();
    for (Profile each : List.of(this, later)) {
      for (int rank = 0; rank < each.size(); rank++) {
        Touch touch = new Touch(each.page(rank), each.touchNs(rank), each.access(rank));
        touches.merge(touch.page, touch, (a, b) -> b.atNs < a.atNs ? b : a);
      }
    }
    List<Touch> order = new ArrayList<>(touches.values());
    order.sort(Comparator.comparingLong(Touch::atNs).thenComparingInt(Touch::page));
    return new Profile(
        order.stream().mapToInt(Touch::page).toArray(),
        order.stream().mapToLong(Touch::atNs).toArray(),
        order.stream().map(Touch::access).toArray(Access[]::new),
        Math.max(horizonNs, later.horizonNs),
        source);
  }

  private record Touch(int page, long atNs, Access access) {}
}
