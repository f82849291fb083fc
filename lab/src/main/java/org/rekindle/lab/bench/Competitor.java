package org.rekindle.lab.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.rekindle.image.Image;
import org.rekindle.lab.HandlerInC;
import org.rekindle.lab.MeasuredRun;
import org.rekindle.lab.Subject;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Profile;

/** One way to bring a guest back. */
sealed interface Competitor {
  /** Its name in results. */
  String name();

  /** A VMM's own way, from what it has saved itself: seen from outside only. */
  record Stock(String name) implements Competitor {}

  /** A plan for our pager, from the image in one of its layouts. */
  record Planned(String name, Layout layout, MeasuredRun.Planner planner) implements Competitor {}

  /** The least that answers page faults, in C: demand only, from a file of all memory. */
  record Handler(String name) implements Competitor {}

  /**
   * Which copy of the image: all have the same base, and differ in the profile and in the hot store
   * that is made from it.
   */
  enum Layout {
    /** With the recorded profile. */
    RECORDED {
      @Override
      Profile profile(Profile recorded, Image image) {
        return recorded;
      }
    },
    BY_ADDRESS {
      @Override
      Profile profile(Profile recorded, Image image) {
        return Profiles.byAddress(recorded);
      }
    },
    IN_GROUPS {
      @Override
      Profile profile(Profile recorded, Image image) {
        return Profiles.inGroups(recorded, RivalPlans.GROUP_PAGES);
      }
    },
    DROPPED_5 {
      @Override
      Profile profile(Profile recorded, Image image) {
        return Profiles.without(recorded, 5, new Random(SEED));
      }
    },
    HALF_USELESS {
      @Override
      Profile profile(Profile recorded, Image image) {
        return Profiles.halfUseless(recorded, image, new Random(SEED));
      }
    };

    /** Every competitor gets the same wrong profile, in every run. */
    private static final long SEED = 1;

    abstract Profile profile(Profile recorded, Image image);
  }

  /** The strategies that users can name, with the names that they have in results. */
  static Planned ours(Strategy strategy, Strategy.Options options) {
    return new Planned(strategy.label(), Layout.RECORDED, image -> strategy.plan(image, options));
  }

  private static Planned wrong(
      Strategy strategy, Strategy.Options options, String how, Layout layout) {
    return new Planned(
        strategy.label() + ", " + how, layout, image -> strategy.plan(image, options));
  }

  /** Everybody who restores this kind of guest in the main comparison. */
  static List<Competitor> all(Subject subject, Strategy.Options options) throws IOException {
    List<Competitor> all = new ArrayList<>();
    subject.rivals().forEach(rival -> all.add(new Stock(rival)));
    if (subject.takesOtherHandlers() && HandlerInC.isAvailable()) {
      all.add(new Handler("userfaultfd handler in C"));
    }
    all.add(new Planned("postcopy, linear", Layout.RECORDED, RivalPlans::postcopyLinear));
    all.add(new Planned("REAP's order", Layout.BY_ADDRESS, RivalPlans::reap));
    all.add(new Planned("FaaSnap's order", Layout.IN_GROUPS, RivalPlans::faasnap));
    for (Strategy strategy : Strategy.values()) {
      all.add(ours(strategy, options));
    }
    return all;
  }

  /** Those whose names begin so, whatever the case; all if no beginnings are given. */
  static List<Competitor> named(List<Competitor> all, List<String> beginnings) {
    return all.stream()
        .filter(each ->
            beginnings.isEmpty()
                || beginnings.stream()
                    .anyMatch(
                        begin -> each.name().regionMatches(true, 0, begin, 0, begin.length())))
        .toList();
  }

  /** Restores with a profile that is wrong in some way, or missing. */
  static List<Competitor> robustness(Strategy.Options options) {
    List<Competitor> all = new ArrayList<>();
    for (Strategy strategy : List.of(Strategy.ADAPTIVE, Strategy.WORKING_SET)) {
      all.add(wrong(strategy, options, "5 % of the profile missing", Layout.DROPPED_5));
      all.add(wrong(strategy, options, "half of the profile useless", Layout.HALF_USELESS));
    }
    all.add(
        new Planned(
            "adaptive, no profile",
            Layout.RECORDED,
            image -> withoutProfile(Strategy.ADAPTIVE, image, options)));
    return all;
  }

  private static Plan withoutProfile(Strategy strategy, Image image, Strategy.Options options) {
    return strategy.plan(image.base(), null, null, options);
  }
}
