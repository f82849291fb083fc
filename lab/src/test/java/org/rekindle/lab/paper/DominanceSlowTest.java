package org.rekindle.lab.paper;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rekindle.lab.simulator.SimulatedRestore;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;

/** Ours against the paper's restores of its own guests on its disk, with good and bad sets. */
@Tag("slow")
class DominanceSlowTest {
  private static final long WINDOW_NS = 1_000_000_000;
  private static final double TARGET = 0.9;
  private static final long SEED = 11;

  /** What a restore is given of a guest's working set. */
  enum Knowledge {
    EXACT {
      @Override
      Profile of(PaperWorkload guest, PaperWorkload other) {
        return guest.workingSet();
      }
    },
    FIVE_PERCENT_MISSING {
      @Override
      Profile of(PaperWorkload guest, PaperWorkload other) {
        return WrongSet.kept(guest.workingSet(), 0.95, SEED);
      }
    },
    HALF_USELESS {
      @Override
      Profile of(PaperWorkload guest, PaperWorkload other) {
        return mixed(guest.workingSet());
      }
    },
    OTHER_INPUT {
      @Override
      Profile of(PaperWorkload guest, PaperWorkload other) {
        return other.workingSet();
      }
    },
    NONE {
      @Override
      Profile of(PaperWorkload guest, PaperWorkload other) {
        return guest.workingSet().first(0);
      }
    };

    abstract Profile of(PaperWorkload guest, PaperWorkload other);
  }

  /** A set with a useless page behind each of its own. */
  private static Profile mixed(Profile set) {
    Random random = new Random(SEED);
    BitSet taken = new BitSet();
    for (int page : set.pages()) {
      taken.set(page);
    }
    int[] pages = new int[2 * set.size()];
    long[] touchNs = new long[pages.length];
    Access[] access = new Access[pages.length];
    for (int rank = 0; rank < pages.length; rank++) {
      int useless = taken.previousClearBit(random.nextInt(1_000, PaperWorkload.GUEST_PAGES));
      pages[rank] = rank % 2 == 0 ? set.page(rank / 2) : useless;
      taken.set(pages[rank]);
      touchNs[rank] = set.touchNs(rank / 2);
      access[rank] = Access.UNKNOWN;
    }
    return new Profile(pages, touchNs, access, set.horizonNs(), "half useless");
  }

  record Case(PaperWorkload guest, Knowledge knowledge, Profile set) {
    @Override
    public String toString() {
      return guest.name() + ", " + knowledge;
    }
  }

  private interface Guest {
    PaperWorkload of(long seed);
  }

  static List<Case> cases() {
    List<Case> cases = new ArrayList<>();
    List<Guest> guests =
        List.of(
            PaperWorkload::idle,
            PaperWorkload::mplayer,
            PaperWorkload::specjbb,
            seed -> PaperWorkload.random(0.2, seed),
            seed -> PaperWorkload.random(0.4, seed));
    for (Guest guest : guests) {
      PaperWorkload one = guest.of(SEED);
      PaperWorkload other = guest.of(SEED + 100);
      for (Knowledge knowledge : Knowledge.values()) {
        cases.add(new Case(one, knowledge, knowledge.of(one, other)));
      }
    }
    return cases;
  }

  private static long ttrNs(SimulatedRestore restore) {
    return restore.ttr(WINDOW_NS).ttrNs(TARGET);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void theTargetIsReachedHardlyAfterTheBetterOfEagerAndLazyWhereSeeksAreFar(Case each) {
    PaperSetup setup = new PaperSetup(PaperSetup.FAR_SEEKS);
    long ours = ttrNs(setup.adaptive(each.guest, each.set));
    long eager = ttrNs(setup.restore(each.guest, Strategy.EAGER, each.set));
    long lazy = ttrNs(setup.restore(each.guest, Strategy.LAZY, each.set));
    assertThat((double) ours).isLessThanOrEqualTo(1.1 * Math.min(eager, lazy));
  }
}
