package org.rekindle.restore;

import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.image.PageStore;
import org.rekindle.workingset.Profile;

/** The four ways to restore that users can name; each is a {@link Plan} for the one pager. */
public enum Strategy {
  /** Everything, then start. */
  EAGER("eager"),
  /**
   * Start at once, fetch on demand, fill slowly and linearly behind (VMware Workstation's, as in
   * VEE'11).
   */
  LAZY("lazy"),
  /** VEE'11: the working set, then start, then as lazy. */
  WORKING_SET("working-set"),
  /**
   * Ours: start at once, the working set in first-touch order beside it, whole blocks on a miss,
   * fill at full speed from there.
   */
  ADAPTIVE("adaptive");

  /**
   * Pages a second of the paper's background thread (VEE'11, section 4.1: 16 MiB/s, so a 1 GB guest
   * is in after a minute).
   */
  public static final int PAPER_FILL_PAGES_PER_SECOND = 4096;

  private final String label;

  Strategy(String label) {
    this.label = label;
  }

  /** The name on the command line and in results. */
  public String label() {
    return label;
  }

  /** The strategy of that label. */
  public static Strategy of(String label) {
    for (Strategy strategy : values()) {
      if (strategy.label.equals(label)) {
        return strategy;
      }
    }
    throw new IllegalArgumentException("no strategy is called " + label);
  }

  /** Whether it is worth nothing without a profile. */
  public boolean needsProfile() {
    return this == WORKING_SET;
  }

  /**
   * What users may set.
   *
   * @param target what {@link #ADAPTIVE} decides for
   */
  public record Options(int fillPagesPerSecond, int prefetchBudgetPages, TtrTarget target) {
    public Options(int fillPagesPerSecond, int prefetchBudgetPages) {
      this(fillPagesPerSecond, prefetchBudgetPages, TtrTarget.DEFAULT);
    }

    /** The paper's fill rate and the whole profile. */
    public static final Options DEFAULT =
        new Options(PAPER_FILL_PAGES_PER_SECOND, Integer.MAX_VALUE);
  }

  /**
   * Plans a restore of an image.
   *
   * @throws IllegalArgumentException if the strategy needs a profile and the image has none
   */
  public Plan plan(Image image, Options options) {
    if (needsProfile() && image.profile().isEmpty()) {
      throw new IllegalArgumentException(
          "the image has no working set profile; make one with: rekindle record "
              + image.directory()
              + " -- qemu-system-...");
    }
    return plan(image.base(), image.hot().orElse(null), image.profile().orElse(null), options);
  }

  /**
   * Plans a restore of an image of which only the layout is known.
   *
   * @param base every page that is not zero
   * @param hot the profile's pages in its order, if they are stored a second time
   * @param profile the working set, if it is known
   */
  public Plan plan(
      PageStore base, @Nullable PageStore hot, @Nullable Profile profile, Options options) {
    BlockSequence nothing = BlockSequence.none(base);
    Plan.Fill slow = new Plan.Fill.Linear(options.fillPagesPerSecond());
    return switch (this) {
      case EAGER ->
          new Plan(
              label,
              nothing,
              PageList.NONE,
              new Plan.Start.AfterEverything(),
              Plan.Miss.PAGE,
              Plan.Fill.FullSpeed.AT_ONCE,
              null);
      case LAZY ->
          new Plan(
              label,
              nothing,
              PageList.NONE,
              new Plan.Start.Immediately(),
              Plan.Miss.PAGE,
              slow,
              null);
      case WORKING_SET ->
          new Plan(
              label,
              prefix(base, hot, profile, options),
              zeros(base, profile, options),
              new Plan.Start.AfterPrefetch(),
              Plan.Miss.PAGE,
              slow,
              hot);
      case ADAPTIVE ->
          new Plan(
              label,
              prefix(base, hot, profile, options),
              zeros(base, profile, options),
              new Plan.Start.Immediately(),
              Plan.Miss.BLOCK,
              new Plan.Fill.FollowMisses(profile, options.target()),
              hot);
    };
  }

  /** A plan that fetches on demand only, page by page: what it faults on is the access trace. */
  public static Plan recording(Image image) {
    return recording(image, new Plan.Fill.None());
  }

  /**
   * A plan for a machine that lives on: it fetches on demand only for so long, and then brings the
   * rest at full speed.
   */
  public static Plan recording(Image image, long windowNs) {
    return recording(image, new Plan.Fill.FullSpeed(windowNs));
  }

  private static Plan recording(Image image, Plan.Fill fill) {
    return new Plan(
        "record",
        BlockSequence.none(image.base()),
        PageList.NONE,
        new Plan.Start.Immediately(),
        Plan.Miss.PAGE,
        fill,
        null);
  }

  /** The blocks of the hot store that hold the profile's first pages, as far as the budget goes. */
  private static BlockSequence prefix(
      PageStore base, @Nullable PageStore hot, @Nullable Profile profile, Options options) {
    if (hot == null || profile == null) {
      return BlockSequence.none(base);
    }
    int blocks = 0;
    int kept = Math.min(profile.size(), options.prefetchBudgetPages());
    for (int rank = 0; rank < kept; rank++) {
      blocks = Math.max(blocks, hot.blockOf(profile.page(rank)) + 1);
    }
    return BlockSequence.first(hot, blocks);
  }

  private static PageList zeros(PageStore base, @Nullable Profile profile, Options options) {
    if (profile == null) {
      return PageList.NONE;
    }
    return new PageList(
        IntStream.range(0, Math.min(profile.size(), options.prefetchBudgetPages()))
            .map(profile::page)
            .filter(page -> base.blockOf(page) < 0)
            .toArray());
  }
}
