package org.rekindle.lab.simulator;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rekindle.responsiveness.Stall;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;

/**
 * A guest of 256 MiB that touches 2,000 pages in two seconds, on a disk that grants its reads by
 * the slice, with a set that lacks one page in 50.
 */
class GrantedReadsTest {
  private static final int PAGES = 65_536;
  private static final int TOUCHED = 2_000;
  private static final long TOUCH_EVERY_NS = 1_000_000;
  private static final long SLICE_NS = 100_000_000; // the kernel grants by tenths of a second

  private static Profile touches(long seed) {
    Random random = new Random(seed);
    BitSet taken = new BitSet();
    int[] pages = new int[TOUCHED];
    long[] touchNs = new long[TOUCHED];
    for (int i = 0; i < TOUCHED; i++) {
      int page = taken.nextClearBit(random.nextInt(PAGES - TOUCHED));
      taken.set(page);
      pages[i] = page;
      touchNs[i] = i * TOUCH_EVERY_NS;
    }
    return profile(pages, touchNs);
  }

  private static Profile profile(int[] pages, long[] touchNs) {
    Access[] access = new Access[pages.length];
    Arrays.fill(access, Access.UNKNOWN);
    return new Profile(pages, touchNs, access, TOUCHED * TOUCH_EVERY_NS, "test");
  }

  private static Profile lackingOneInFifty(Profile all) {
    int[] kept = IntStream.range(0, all.size()).filter(rank -> rank % 50 != 25).toArray();
    return profile(
        Arrays.stream(kept).map(all::page).toArray(),
        Arrays.stream(kept).mapToLong(all::touchNs).toArray());
  }

  private static SimulatedRestore restore(Profile touches) {
    int[] order = IntStream.range(0, PAGES).toArray();
    ImageLayout image =
        ImageLayout.of(PAGES, new LaidOutStore("base", PAGES, order, 8, 1))
            .with(lackingOneInFifty(touches), 1, 8);
    return Simulation.on(ThrottledDisk.EXPERIMENTS, HostCosts.QEMU)
        .run(image, image.plan(Strategy.ADAPTIVE, Strategy.Options.DEFAULT), touches);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void missesWaitForASliceOnlyUntilTwoHaveBeenUsedUp(long seed) {
    List<Stall> stalls = restore(touches(seed)).stalls();
    assertThat(stalls).anyMatch(stall -> stall.endNs() - stall.beginNs() > SLICE_NS / 2);
    assertThat(stalls)
        .filteredOn(stall -> stall.beginNs() > 3 * SLICE_NS)
        .hasSizeGreaterThan(10)
        .allMatch(stall -> stall.endNs() - stall.beginNs() < SLICE_NS / 10);
  }
}
