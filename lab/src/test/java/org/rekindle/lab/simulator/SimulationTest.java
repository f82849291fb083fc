package org.rekindle.lab.simulator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.rekindle.lab.DiskThrottle;
import org.rekindle.responsiveness.Stall;
import org.rekindle.restore.BlockSequence;
import org.rekindle.restore.Cause;
import org.rekindle.restore.PageList;
import org.rekindle.restore.Plan;
import org.rekindle.restore.ReaderLimits;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;

/**
 * Restores of guests of a few pages, to the nanosecond as worked out on paper.
 *
 * <p>The disk takes 12 ms to get anywhere and 1 ms for a page; flash 0.1 ms and 0.1 ms; the object
 * store 10 ms and 1 ms. Only reading takes time, unless a test says otherwise.
 */
class SimulationTest {
  private static final long MS = 1_000_000;
  private static final long US = 1_000;
  private static final int PAGE = 4096;

  private static final RotatingDisk DISK = new RotatingDisk(8 * MS, 4 * MS, 1000 * PAGE);
  private static final Flash FLASH = new Flash(100 * US, 10_000 * PAGE);
  private static final ObjectStore OBJECTS = new ObjectStore(10 * MS, 2, 1000 * PAGE);
  private static final ThrottledDisk THROTTLED =
      new ThrottledDisk(new DiskThrottle.Limits(1_000_000L * PAGE, 20), FLASH);

  /** Bulk reads of one page, one ahead of the pager. */
  private static final ReaderLimits PAGE_BY_PAGE = new ReaderLimits(PAGE, 0, 1, 1, 1, 4);

  private static final Strategy.Options SLOW_FILL = new Strategy.Options(10, Integer.MAX_VALUE);

  private static ImageLayout image(int pages, int blockPages) {
    int[] order = IntStream.range(0, pages).toArray();
    return ImageLayout.of(pages, new LaidOutStore("base", pages, order, blockPages, 1));
  }

  private static ImageLayout image(int pages, int[] workingSet) {
    return image(pages, 1).with(profile(workingSet, new long[workingSet.length]), 1, 1);
  }

  private static Simulation pageByPage(StorageModel storage) {
    return new Simulation(storage, PAGE_BY_PAGE, 1, HostCosts.NONE);
  }

  private static SimulatedRestore run(
      Simulation simulation, ImageLayout image, Strategy strategy, Profile touches) {
    return simulation.run(image, image.plan(strategy, SLOW_FILL), touches);
  }

  /** Touches of pages, each at a number of microseconds. */
  private static Profile touches(long... pageAtUs) {
    int[] pages = new int[pageAtUs.length / 2];
    long[] touchNs = new long[pages.length];
    for (int i = 0; i < pages.length; i++) {
      pages[i] = (int) pageAtUs[2 * i];
      touchNs[i] = pageAtUs[2 * i + 1] * US;
    }
    return profile(pages, touchNs);
  }

  private static Profile profile(int[] pages, long[] touchNs) {
    Access[] access = new Access[pages.length];
    Arrays.fill(access, Access.UNKNOWN);
    return new Profile(pages, touchNs, access, 0, "test");
  }

  private static Stall stall(long beginNs, long endNs) {
    return new Stall(beginNs, endNs, 0);
  }

  @Test
  void eagerOnADiskStartsWhenTheImageHasBeenReadAndNeverWaits() {
    SimulatedRestore restore =
        run(Simulation.on(DISK, HostCosts.NONE), image(4, 1), Strategy.EAGER, touches(3, 0, 1, 5));
    assertThat(restore.outcome().firstInstructionNs()).isEqualTo(16 * MS); // 12 + 4
    assertThat(restore.stalls()).isEmpty();
    assertThat(restore.outcome().reads()).isEqualTo(1);
    assertThat(restore.outcome().bytesRead()).isEqualTo(4 * PAGE);
    assertThat(restore.ttr(10 * MS).ttrNs(0.1)).isEqualTo(16 * MS);
    assertThat(restore.ttr(10 * MS).ttrNs(1)).isEqualTo(16 * MS);
  }

  @Test
  void eagerOnFlashPaysTheLatencyOfEachRead() {
    SimulatedRestore restore = run(pageByPage(FLASH), image(3, 1), Strategy.EAGER, touches(0, 0));
    assertThat(restore.outcome().firstInstructionNs()).isEqualTo(600 * US); // 3 (0.1 + 0.1)
  }

  @Test
  void eagerFromAnObjectStoreIsAsFastAsItsStreamsTogether() {
    ReaderLimits ahead = new ReaderLimits(PAGE, 0, 3, 8, 1, 4);
    SimulatedRestore one =
        run(
            new Simulation(OBJECTS, ahead, 1, HostCosts.NONE),
            image(13, 1),
            Strategy.EAGER,
            touches());
    SimulatedRestore two =
        run(
            new Simulation(OBJECTS, ahead, 2, HostCosts.NONE),
            image(13, 1),
            Strategy.EAGER,
            touches());
    assertThat(one.outcome().firstInstructionNs()).isEqualTo(143 * MS); // 13 (10 + 1)
    assertThat(two.outcome().firstInstructionNs()).isEqualTo(88 * MS); // 3 by one, 10 by two
  }

  @Test
  void eagerOnAThrottledDiskWaitsForTheNextSlice() {
    SimulatedRestore restore = run(pageByPage(THROTTLED), image(4, 1), Strategy.EAGER, touches());
    assertThat(restore.outcome().firstInstructionNs()).isEqualTo(104 * MS + 400 * US);
  }

  @Test
  void whatOpeningTheImageReadIsMissingFromTheFirstSlice() {
    HostCosts begun = HostCosts.NONE.withStart(10 * MS, 0);
    SimulatedRestore restore =
        run(
            new Simulation(THROTTLED, PAGE_BY_PAGE, 1, begun)
                .after(new EarlierReads(4 * MS, 1, PAGE)),
            image(2, 1),
            Strategy.EAGER,
            touches());
    // One of two is left; the second page comes with the next slice, which began with the
    // opening's.
    assertThat(restore.outcome().firstInstructionNs()).isEqualTo(108 * MS + 200 * US);
  }

  @Test
  void lazyOnADiskWaitsForEachPageAmongTheReadsOfTheFill() {
    SimulatedRestore restore =
        run(pageByPage(DISK), image(4, 1), Strategy.LAZY, touches(3, 0, 2, 5_000));
    assertThat(restore.outcome().firstInstructionNs()).isZero();
    assertThat(restore.stalls())
        .containsExactly(
            // Behind the fill's page 0 (13 ms), over a gap of two pages, one page.
            stall(0, 16 * MS),
            // Touched 5 ms later, behind the fill's page 1 (back to it 12 + 1), in sequence with
            // it.
            stall(21 * MS, 30 * MS));
    // Page 0 comes after 100 ms and page 1 after 200 ms, as seen by a pager that looks every 100
    // ms.
    assertThat(restore.outcome().allInNs()).isEqualTo(230 * MS);
  }

  @Test
  void lazyOnAThrottledDiskWaitsForSlices() {
    SimulatedRestore restore =
        run(pageByPage(THROTTLED), image(4, 1), Strategy.LAZY, touches(3, 0, 2, 5_000));
    assertThat(restore.stalls())
        .containsExactly(
            stall(0, 300 * US), // latencies side by side with the fill's page 0
            stall(5_300 * US, 104 * MS + 300 * US)); // behind the fill's page 1
  }

  @Test
  void theWorkingSetIsReadInOneGoBeforeTheStartAndTheRestAsLazy() {
    SimulatedRestore restore =
        run(
            Simulation.on(DISK, HostCosts.NONE),
            image(4, new int[] {3, 1}),
            Strategy.WORKING_SET,
            touches(3, 0, 0, 1_000));
    assertThat(restore.outcome().firstInstructionNs()).isEqualTo(14 * MS); // 12 + 2
    // The fill reads all of the base store meanwhile, 12 + 4 from 14 ms on, and page 0 comes with
    // it.
    assertThat(restore.stalls()).containsExactly(stall(15 * MS, 30 * MS));
    assertThat(restore.outcome().prefetched().cardinality()).isEqualTo(2);
  }

  @Test
  void adaptiveRunsBesideThePrefetchAndJoinsItsReads() {
    SimulatedRestore restore =
        run(
            pageByPage(DISK),
            image(4, new int[] {3, 1, 0}),
            Strategy.ADAPTIVE,
            touches(3, 0, 1, 500, 0, 3_000));
    assertThat(restore.stalls())
        .containsExactly(
            stall(0, 13 * MS), // the first page of the hot store
            stall(13 * MS + 500 * US, 14 * MS)); // the second, which comes right behind
    assertThat(restore.outcome().firstInstructionNs()).isZero();
    assertThat(restore.ttr(10 * MS).ttrNs(1)).isEqualTo(14 * MS);
    // Pages come after 13, 14, 15 ms and are wanted after 0, 0.5 and 3 ms.
    assertThat(
            Oracle.of(DISK, HostCosts.NONE, image(4, 1).base(), touches(3, 0, 1, 500, 0, 3_000))
                .startNs())
        .isEqualTo(13 * MS + 500 * US);
  }

  @Test
  void aMissFarAheadIsReadByItselfAndBringsItsBlock() {
    ReaderLimits blockByBlock = new ReaderLimits(2 * PAGE, 0, 1, 1, 1, 4);
    SimulatedRestore onDisk =
        run(
            new Simulation(DISK, blockByBlock, 1, HostCosts.NONE),
            image(8, 2),
            Strategy.ADAPTIVE,
            touches(7, 0, 6, 1_000));
    // Behind the fill's first block (12 + 2), over a gap of four pages, two pages.
    assertThat(onDisk.stalls()).containsExactly(stall(0, 20 * MS));
    assertThat(onDisk.outcome().tally().placed(Cause.DEMAND)).isEqualTo(1);
    assertThat(onDisk.outcome().tally().placed(Cause.NEIGHBOUR)).isEqualTo(1);
    assertThat(onDisk.outcome().tally().placed(Cause.FILL)).isEqualTo(6);

    SimulatedRestore onFlash =
        run(
            new Simulation(FLASH, blockByBlock, 1, HostCosts.NONE),
            image(8, 2),
            Strategy.ADAPTIVE,
            touches(7, 0));
    assertThat(onFlash.stalls()).containsExactly(stall(0, 500 * US)); // 0.1 + 2 (0.1 + 0.1)
  }

  @Test
  void everythingButReadingHasItsPriceToo() {
    HostCosts costs = new HostCosts(1, 1_000, 500, 10, 3, 7, 5);
    SimulatedRestore restore =
        run(Simulation.on(FLASH, costs), image(2, 1), Strategy.EAGER, touches());
    // Both pages are read at 1,000 + 300,000 ns. They are decoded 5 and 10 ns later; the second is
    // placed 3 ns after that, and then the guest needs 500 ns to start.
    assertThat(restore.outcome().firstInstructionNs()).isEqualTo(301_513);
  }

  @Test
  void aBlockThatWasReadOnDemandIsInThePageCache() {
    ImageLayout image = image(2, 2);
    Plan onDemand =
        new Plan(
            "on demand",
            BlockSequence.none(image.base()),
            PageList.NONE,
            new Plan.Start.Immediately(),
            Plan.Miss.PAGE,
            new Plan.Fill.None(),
            null);
    SimulatedRestore restore =
        Simulation.on(FLASH, new HostCosts(1, 0, 0, 10, 3, 7, 5))
            .run(image, onDemand, touches(0, 0, 1, 1));
    assertThat(restore.stalls())
        .containsExactly(
            stall(0, 300_023), // heard 10, read 300,000, decoded 2 * 5, placed 3
            stall(301_023, 301_053)); // heard 10, read from the cache 7, decoded 2 * 5, placed 3
    assertThat(restore.outcome().faults().size()).isEqualTo(2);
    assertThat(restore.outcome().faults().arrivalNs(1)).isEqualTo(301_023);
    assertThat(restore.outcome().faults().servedNs(1)).isEqualTo(301_053);
  }

  @Test
  void zeroPagesAreNotRead() {
    int[] stored = {0, 2};
    ImageLayout image = ImageLayout.of(4, new LaidOutStore("base", 4, stored, 1, 1));
    SimulatedRestore restore =
        run(Simulation.on(DISK, HostCosts.NONE), image, Strategy.EAGER, touches(3, 0));
    assertThat(restore.outcome().firstInstructionNs()).isEqualTo(14 * MS);
    assertThat(restore.outcome().tally().zeroPages()).isEqualTo(2);
    assertThat(Oracle.of(DISK, HostCosts.NONE, image.base(), touches(3, 0)).startNs()).isZero();
  }

  @Test
  void aTouchOfAPageThatTheGuestDoesNotHaveIsRefused() {
    assertThatThrownBy(
            () -> run(pageByPage(DISK), image(4, 1), Strategy.EAGER, touches(3, 0, 4, 0)))
        .hasMessageContaining("touch 1 is of page 4, the guest has 4");
  }
}
