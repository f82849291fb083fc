package org.rekindle.restore;

import org.jspecify.annotations.Nullable;
import org.rekindle.image.PageStore;
import org.rekindle.workingset.Profile;

/**
 * What is brought in, in which order, and when the guest starts: all that one strategy differs from
 * another by. The one {@link Pager} carries out any plan.
 *
 * <p>Everything that is fetched in bulk is one {@linkplain BlockSequence sequence of blocks}: first
 * the prefetch, then the fill. Demand faults cut in everywhere.
 *
 * @param strategy its name, for results
 * @param prefetch blocks to bring in first, in this order
 * @param zeroFirst pages of zeros that belong to the prefetch: they cost no reading
 * @param start when the guest starts
 * @param miss what a demand fault brings in
 * @param fill how the rest comes in
 * @param hot the store in first-touch order, if demand faults should look there first
 */
public record Plan(
    String strategy,
    BlockSequence prefetch,
    PageList zeroFirst,
    Start start,
    Miss miss,
    Fill fill,
    @Nullable PageStore hot) {

  /** When the guest starts. */
  public sealed interface Start {
    /** At once: prefetch runs beside it. */
    record Immediately() implements Start {}

    /** When the last prefetched page is in. */
    record AfterPrefetch() implements Start {}

    /** When every page is in. */
    record AfterEverything() implements Start {}
  }

  /** What a demand fault brings in. */
  public enum Miss {
    /** The page that was asked for. */
    PAGE,
    /** That page first, then the rest of its locality block. */
    BLOCK
  }

  /** How pages come in that nobody asks for. */
  public sealed interface Fill {
    /** Not at all: only for recording. */
    record None() implements Fill {}

    /**
     * Linearly through guest memory, walking over so many pages a second, present or not (the
     * paper's scanner).
     */
    record Linear(int pagesPerSecond) implements Fill {
      public Linear {
        if (pagesPerSecond <= 0) {
          throw new IllegalArgumentException("a fill rate is positive: " + pagesPerSecond);
        }
      }
    }

    /**
     * With all bandwidth that demand and prefetch leave, once the guest has run for so long (0:
     * from the beginning).
     */
    record FullSpeed(long afterNs) implements Fill {
      static final FullSpeed AT_ONCE = new FullSpeed(0);
    }

    /**
     * With all bandwidth that demand and prefetch leave, going on where the guest misses something
     * ({@link ReadOrder}); in one go, in the place of everything else, once misses cost more than
     * that ({@link MissForecast}).
     *
     * @param profile when the guest touches what it does, if that is known
     * @param target what misses are to be over for
     */
    record FollowMisses(@Nullable Profile profile, TtrTarget target) implements Fill {}
  }
}
