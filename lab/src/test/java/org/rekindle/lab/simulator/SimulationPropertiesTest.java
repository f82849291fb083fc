package org.rekindle.lab.simulator;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.rekindle.lab.DiskThrottle;
import org.rekindle.responsiveness.TtrCurve;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;

/** What holds for every guest: random ones of some thousand pages, with the seed on failure. */
class SimulationPropertiesTest {
  private static final int PAGES = 4_000;
  private static final int ROUNDS = 6;
  private static final long[] WINDOWS_NS = {1_000_000, 20_000_000, 1_000_000_000};
  private static final double[] UTILISATIONS = {0.01, 0.3, 0.5, 0.7, 0.9, 0.99, 1};

  static List<StorageModel> storages() {
    return List.of(
        RotatingDisk.BARRACUDA,
        Flash.SATA,
        Flash.NVME,
        new ObjectStore(5_000_000, 4, 50_000_000),
        ThrottledDisk.EXPERIMENTS);
  }

  /**
   * A guest that touches some of its pages, and an image with a profile that is more or less so.
   */
  private record Guest(long seed, ImageLayout image, Profile touches) {
    static Guest random(boolean exactProfile) {
      return of(new Random().nextLong(), exactProfile);
    }

    static Guest of(long seed, boolean exactProfile) {
      Random random = new Random(seed);
      BitSet zero = new BitSet(PAGES);
      IntStream.range(0, PAGES).filter(page -> random.nextInt(8) == 0).forEach(zero::set);
      double storedShare = random.nextBoolean() ? 1 : 0.2 + 0.7 * random.nextDouble();
      Profile touches = touches(random, 1 + random.nextInt(PAGES / 2));
      Profile profile = exactProfile ? touches : touches(random, 1 + random.nextInt(PAGES / 4));
      ImageLayout image = ImageLayout.written(PAGES, zero, storedShare).with(profile, storedShare);
      return new Guest(seed, image, touches);
    }

    private static Profile touches(Random random, int count) {
      int[] pages = random.ints(0, PAGES).distinct().limit(count).toArray();
      long[] touchNs = new long[count];
      long meanNs = 1L << random.nextInt(18); // 1 ns to 0.1 ms between touches
      for (int i = 1; i < count; i++) {
        touchNs[i] = touchNs[i - 1] + random.nextLong(2 * meanNs);
      }
      Access[] access = new Access[count];
      Arrays.fill(access, Access.UNKNOWN);
      return new Profile(pages, touchNs, access, touchNs[count - 1], "random");
    }

    SimulatedRestore restore(StorageModel storage, HostCosts costs, Strategy strategy) {
      Plan plan = image.plan(strategy, new Strategy.Options(100_000, Integer.MAX_VALUE));
      return Simulation.on(storage, costs).run(image, plan, touches);
    }
  }

  @ParameterizedTest(name = "{0}")
  @EnumSource(Strategy.class)
  void everyPageIsPlacedAndEveryStallEnds(Strategy strategy) {
    for (int round = 0; round < ROUNDS; round++) {
      Guest guest = Guest.random(false);
      for (StorageModel storage : storages()) {
        SimulatedRestore restore = guest.restore(storage, HostCosts.QEMU, strategy);
        assertThat(restore.outcome().tally().placed()).as("%s", guest.seed).isEqualTo(PAGES);
        assertThat(restore.stalls())
            .as("%s", guest.seed)
            .allMatch(stall -> stall.endNs() <= restore.outcome().endedNs());
      }
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("storages")
  void noPlanBettersTheOracle(StorageModel storage) {
    for (int round = 0; round < ROUNDS; round++) {
      Guest guest = Guest.random(round % 2 == 0);
      HostCosts costs = HostCosts.NONE.withStart(3_000_000, 2_000_000);
      Oracle oracle = Oracle.of(storage, costs, guest.image.base(), guest.touches);
      for (Strategy strategy : Strategy.values()) {
        SimulatedRestore restore = guest.restore(storage, costs, strategy);
        for (long windowNs : WINDOWS_NS) {
          TtrCurve curve = restore.ttr(windowNs);
          for (double u : UTILISATIONS) {
            assertThat(curve.ttrNs(u))
                .as("%s, w %d, u %.2f, seed %d", strategy, windowNs, u, guest.seed)
                .isGreaterThanOrEqualTo(oracle.ttrNs(windowNs, u));
          }
        }
      }
    }
  }

  @Test
  void moreBandwidthNeverMakesAnOrderedPrefetchSlower() {
    for (int round = 0; round < 4 * ROUNDS; round++) {
      Guest guest = Guest.random(true);
      for (Strategy strategy : List.of(Strategy.WORKING_SET, Strategy.ADAPTIVE)) {
        List<TtrCurve> slower = new ArrayList<>();
        for (long megabytes = 25; megabytes <= 3_200; megabytes *= 2) {
          Flash faster = new Flash(100_000, megabytes * 1_000_000);
          SimulatedRestore restore = guest.restore(faster, HostCosts.NONE, strategy);
          for (int w = 0; w < WINDOWS_NS.length; w++) {
            TtrCurve curve = restore.ttr(WINDOWS_NS[w]);
            if (slower.size() > w) {
              for (double u : UTILISATIONS) {
                assertThat(curve.ttrNs(u))
                    .as("%s at %d MB/s, u %.2f, seed %d", strategy, megabytes, u, guest.seed)
                    .isLessThanOrEqualTo(slower.get(w).ttrNs(u));
              }
              slower.set(w, curve);
            } else {
              slower.add(curve);
            }
          }
        }
      }
    }
  }

  @Test
  void eagerStartsWhenTheImageHasBeenRead() {
    for (int round = 0; round < ROUNDS; round++) {
      Guest guest = Guest.random(false);
      RotatingDisk disk = new RotatingDisk(8_000_000, 4_000_000, 1_000_000_000); // a byte a ns
      SimulatedRestore restore = guest.restore(disk, HostCosts.NONE, Strategy.EAGER);
      int last = guest.image.base().blocks() - 1;
      long fileBytes = guest.image.base().offset(last) + guest.image.base().storedBytes(last);
      long alignedBytes = (fileBytes + 4095) & -4096;
      assertThat(restore.stalls()).isEmpty();
      // Each extent begins with the page that the last one ended in, if it ended inside a page.
      assertThat(restore.outcome().firstInstructionNs())
          .as("%s", guest.seed)
          .isEqualTo(restore.outcome().allInNs())
          .isBetween(12_000_000 + alignedBytes, 12_000_000 + restore.outcome().bytesRead());
    }
  }

  @ParameterizedTest(name = "{0}")
  @EnumSource(Strategy.class)
  void theSameIsSimulatedTwiceAlike(Strategy strategy) {
    for (StorageModel storage : storages()) {
      Guest guest = Guest.random(false);
      SimulatedRestore once = guest.restore(storage, HostCosts.QEMU, strategy);
      SimulatedRestore again =
          Guest.of(guest.seed, false).restore(storage, HostCosts.QEMU, strategy);
      assertThat(again.stalls()).as("%s", guest.seed).isEqualTo(once.stalls());
      assertThat(again.outcome().allInNs()).isEqualTo(once.outcome().allInNs());
      assertThat(again.outcome().bytesRead()).isEqualTo(once.outcome().bytesRead());
    }
  }

  @Test
  void theThrottledDiskIsTheOneOfTheExperiments() {
    assertThat(ThrottledDisk.EXPERIMENTS.limits()).isEqualTo(DiskThrottle.Limits.DISK);
  }
}
