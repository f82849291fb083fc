package org.rekindle.lab.paper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.rekindle.lab.simulator.SimulatedRestore;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Profile;

/** The paper's restores against what its set-up says they take. */
class PaperSetupTest {
  private static final long SECOND_NS = 1_000_000_000;
  private static final long MS = 1_000_000;

  private final PaperSetup setup = new PaperSetup(PaperSetup.FAR_SEEKS);
  private final PaperWorkload mplayer = PaperWorkload.mplayer(7);

  @Test
  void eagerTakesThirtyTwoSecondsAfterTheDevices() {
    SimulatedRestore restore = setup.restore(mplayer, Strategy.EAGER, mplayer.workingSet());
    assertThat(restore.stalls()).isEmpty();
    assertThat(restore.outcome().firstInstructionNs())
        .isCloseTo(7_400 * MS + 32 * SECOND_NS + 12_660_000, within(MS));
  }

  @Test
  void theWorkingSetIsInBeforeTheGuestStarts() {
    SimulatedRestore restore = setup.restore(mplayer, Strategy.WORKING_SET, mplayer.workingSet());
    assertThat(restore.outcome().firstInstructionNs())
        .isCloseTo(
            7_400 * MS + 12_660_000 + 10_113L * 4096 * 32 * SECOND_NS / (1L << 30), within(MS));
    assertThat(restore.outcome().prefetched().cardinality()).isEqualTo(10_113);
    assertThat(restore.outcome().faults().size()).isBetween(1, 84);
  }

  @Test
  void lazyReadsAroundAPageAndPlacesItAlone() {
    SimulatedRestore restore = setup.restore(mplayer, Strategy.LAZY, mplayer.workingSet());
    assertThat(restore.outcome().firstInstructionNs()).isEqualTo(7_400 * MS);
    assertThat(restore.outcome().allInNs())
        .isGreaterThan(7_400 * MS + 63 * SECOND_NS) // 4,096 pages a second
        .isLessThan(7_400 * MS + 80 * SECOND_NS);
  }

  @Test
  void aSetThatIsRightIsServedAndMostMemoryTouchedAtRandomIsReadInOneGo() {
    assertThat(setup.adaptive(mplayer, mplayer.workingSet()).outcome().inOneGo()).isNull();
    PaperWorkload random = PaperWorkload.random(0.4, 7);
    SimulatedRestore restore = setup.adaptive(random, random.workingSet());
    Outcome.InOneGo decision = Objects.requireNonNull(restore.outcome().inOneGo());
    assertThat(decision.misses()).isBetween(4, 200);
    assertThat(decision.servingNs()).isGreaterThan(decision.readingNs());
    assertThat(decision.readingNs()).isBetween(30 * SECOND_NS, 50 * SECOND_NS); // 1 GiB in 32 s
    assertThat(restore.timeline().lastStallEndNs()).isLessThan(36 * SECOND_NS);
  }

  @Test
  void aGuestAheadOfAShortPrefetchIsServed() {
    PaperWorkload random = PaperWorkload.random(0.2, 7);
    SimulatedRestore restore = setup.adaptive(random, random.workingSet());
    SimulatedRestore eager = setup.restore(random, Strategy.EAGER, random.workingSet());
    assertThat(restore.outcome().inOneGo()).isNull();
    assertThat(restore.timeline().ttr(SECOND_NS).ttrNs(0.9))
        .isLessThan(eager.timeline().ttr(SECOND_NS).ttrNs(0.9));
  }

  @Test
  void aPartOfASetKeepsItsOrder() {
    Profile set = mplayer.workingSet();
    Profile part = WrongSet.kept(set, 0.95, 3);
    assertThat(part.size()).isEqualTo(9_607);
    assertThat(part.pages()).isEqualTo(WrongSet.kept(set, 0.95, 3).pages());
    int[] all = set.pages();
    int[] rank = new int[PaperWorkload.GUEST_PAGES];
    IntStream.range(0, all.length).forEach(i -> rank[all[i]] = i);
    assertThat(Arrays.stream(part.pages()).map(page -> rank[page]).toArray()).isSorted();
  }
}
