package org.rekindle.lab.simulator;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;
import java.util.stream.IntStream;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;

/** A guest of 256 MiB that touches so many pages, anywhere, one after the other. */
record EvenTouches(int touched, long everyNs, double storedShare) {
  private static final int PAGES = 65_536;
  private static final int BLOCK_PAGES = 8;

  Profile profile(long seed) {
    Random random = new Random(seed);
    BitSet taken = new BitSet();
    int[] pages = new int[touched];
    for (int i = 0; i < touched; i++) {
      pages[i] = taken.nextClearBit(random.nextInt(PAGES - touched));
      taken.set(pages[i]);
    }
    Access[] access = new Access[touched];
    Arrays.fill(access, Access.UNKNOWN);
    long[] touchNs = IntStream.range(0, touched).mapToLong(rank -> rank * everyNs).toArray();
    return new Profile(pages, touchNs, access, touched * everyNs, "test");
  }

  /**
   * Restores it.
   *
   * @param set what is known of the touches, attached to its image if it has pages
   */
  SimulatedRestore restore(StorageModel disk, Strategy strategy, Profile set, Profile touches) {
    int[] order = IntStream.range(0, PAGES).toArray();
    ImageLayout bare =
        ImageLayout.of(PAGES, new LaidOutStore("base", PAGES, order, BLOCK_PAGES, storedShare));
    ImageLayout image = set.size() == 0 ? bare : bare.with(set, storedShare, BLOCK_PAGES);
    return Simulation.on(disk, HostCosts.QEMU)
        .run(image, image.plan(strategy, Strategy.Options.DEFAULT), touches);
  }
}
