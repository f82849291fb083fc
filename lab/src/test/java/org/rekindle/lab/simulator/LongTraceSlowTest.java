package org.rekindle.lab.simulator;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Profile;

/** A long trace goes through the simulator as a short one does. */
@Tag("slow")
class LongTraceSlowTest {
  private static final int GUEST_PAGES = 1 << 20;
  private static final int TOUCHES = 10_000_000;
  private static final long SEED = 7;

  @Test
  void tenMillionTouchesOfFourGibibytesAreRestoredToTheLastPage() {
    System.err.println("seed " + SEED);
    Random random = new Random(SEED);
    AccessTrace.Builder trace = AccessTrace.of(GUEST_PAGES);
    for (int touch = 0; touch < TOUCHES; touch++) {
      trace.touch(random.nextInt(GUEST_PAGES), touch * 10_000L, Access.UNKNOWN);
    }
    long beganNs = System.nanoTime();
    Profile touches = trace.savedAt(TOUCHES * 10_000L).firstTouches("trace");
    ImageLayout image = ImageLayout.written(GUEST_PAGES, new BitSet(), 0.5).with(touches, 0.5);
    SimulatedRestore restore =
        Simulation.on(ThrottledDisk.EXPERIMENTS, HostCosts.QEMU)
            .run(image, image.plan(Strategy.ADAPTIVE, Strategy.Options.DEFAULT), touches);
    System.err.printf(
        "%,d touches simulated in %.1f s%n", TOUCHES, (System.nanoTime() - beganNs) / 1e9);
    assertThat(restore.outcome().tally().placed()).isEqualTo(GUEST_PAGES);
    assertThat(touches.size()).isGreaterThan(GUEST_PAGES * 99 / 100);
  }
}
