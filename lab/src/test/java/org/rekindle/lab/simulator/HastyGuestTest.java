package org.rekindle.lab.simulator;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;

/**
 * A guest of 256 MiB that touches a tenth of it within a tenth of a second, of which its set has
 * only a part: each page that it misses on a disk costs far more time than it then runs.
 */
class HastyGuestTest {
  private static final int PAGES = 65_536;
  private static final int TOUCHED = 6_400;
  private static final long TOUCH_EVERY_NS = 15_000;
  private static final long WINDOW_NS = 1_000_000_000;
  private static final double STORED_SHARE = 0.4;

  record Case(StorageModel disk, int setPercent) {}

  static List<Case> cases() {
    return List.of(ThrottledDisk.EXPERIMENTS, RotatingDisk.BARRACUDA).stream()
        .flatMap(disk -> IntStream.of(0, 50, 80, 95).mapToObj(percent -> new Case(disk, percent)))
        .toList();
  }

  /** What the guest touches, or what is known of it: each page with such a chance. */
  private static Profile touches(int percent) {
    Random random = new Random(1);
    BitSet taken = new BitSet();
    int[] pages = new int[TOUCHED];
    boolean[] known = new boolean[TOUCHED];
    for (int i = 0; i < TOUCHED; i++) {
      pages[i] = taken.nextClearBit(random.nextInt(PAGES - TOUCHED));
      taken.set(pages[i]);
      known[i] = random.nextInt(100) < percent;
    }
    int[] ranks = IntStream.range(0, TOUCHED).filter(i -> known[i]).toArray();
    Access[] access = new Access[ranks.length];
    Arrays.fill(access, Access.UNKNOWN);
    return new Profile(
        IntStream.of(ranks).map(rank -> pages[rank]).toArray(),
        IntStream.of(ranks).mapToLong(rank -> rank * TOUCH_EVERY_NS).toArray(),
        access,
        TOUCHED * TOUCH_EVERY_NS,
        "test");
  }

  private static long ttrNs(StorageModel disk, Strategy strategy, Profile set) {
    int[] order = IntStream.range(0, PAGES).toArray();
    ImageLayout image =
        ImageLayout.of(PAGES, new LaidOutStore("base", PAGES, order, 8, STORED_SHARE));
    ImageLayout withSet = set.size() == 0 ? image : image.with(set, STORED_SHARE, 8);
    return Simulation.on(disk, HostCosts.QEMU)
        .run(withSet, withSet.plan(strategy, Strategy.Options.DEFAULT), touches(100))
        .ttr(WINDOW_NS)
        .ttrNs(0.9);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void itsMissesAreSoonGivenUpForReadingAllInOneGo(Case each) {
    Profile set = touches(each.setPercent);
    assertThat((double) ttrNs(each.disk, Strategy.ADAPTIVE, set))
        .isLessThan(4.0 / 3 * ttrNs(each.disk, Strategy.EAGER, set));
  }
}
