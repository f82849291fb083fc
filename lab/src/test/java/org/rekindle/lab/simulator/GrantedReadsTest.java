package org.rekindle.lab.simulator;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
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
  private static final EvenTouches GUEST = new EvenTouches(2_000, 1_000_000, 1);
  private static final long SLICE_NS = 100_000_000; // the kernel grants by tenths of a second

  private static Profile lackingOneInFifty(Profile all) {
    int[] kept = IntStream.range(0, all.size()).filter(rank -> rank % 50 != 25).toArray();
    return new Profile(
        Arrays.stream(kept).map(all::page).toArray(),
        Arrays.stream(kept).mapToLong(all::touchNs).toArray(),
        Arrays.stream(kept).mapToObj(all::access).toArray(Access[]::new),
        all.horizonNs(),
        all.source());
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void missesWaitForASliceOnlyUntilTwoHaveBeenUsedUp(long seed) {
    Profile touches = GUEST.profile(seed);
    List<Stall> stalls =
        GUEST
            .restore(
                ThrottledDisk.EXPERIMENTS, Strategy.ADAPTIVE, lackingOneInFifty(touches), touches)
            .stalls();
    assertThat(stalls).anyMatch(stall -> stall.endNs() - stall.beginNs() > SLICE_NS / 2);
    assertThat(stalls)
        .filteredOn(stall -> stall.beginNs() > 3 * SLICE_NS)
        .hasSizeGreaterThan(10)
        .allMatch(stall -> stall.endNs() - stall.beginNs() < SLICE_NS / 10);
  }
}
