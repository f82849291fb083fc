package org.rekindle.responsiveness;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class StallTimelineTest {
  @Test
  void overlappingStallsOfAGuestCountOnce() {
    // First instruction at 10. [20,30) and [25,40) unite to 20 ns, [40,45) touches them: 25 in all.
    StallTimeline t =
        StallTimeline.perGuest(
            10,
            List.of(new Stall(25, 40), new Stall(20, 30), new Stall(40, 45), new Stall(60, 60)));
    assertThat(t.scope()).isEqualTo(StallScope.PER_GUEST);
    assertThat(t.stalledNs(0, 100)).isEqualTo(10 + 25);
    assertThat(t.stalledNs(0, 5)).isEqualTo(5);
    assertThat(t.stalledNs(30, 41)).isEqualTo(11);
    assertThat(t.lastStallEndNs()).isEqualTo(45);
    assertThat(t.utilisation(20, 50)).isEqualTo(0.5); // 25 of [20,70) stalled
    assertThat(t.utilisation(45, 1_000_000)).isEqualTo(1.0);
  }

  @Test
  void eachVirtualCpuStallsAloneWhereItIsKnown() {
    // Two of them: cpu 0 stalls [10,20), cpu 1 stalls [15,25) and, again at once, [16,18).
    StallTimeline t =
        StallTimeline.of(
            0, 2, List.of(new Stall(10, 20, 0), new Stall(15, 25, 1), new Stall(16, 18, 1)));
    assertThat(t.scope()).isEqualTo(StallScope.PER_VCPU);
    assertThat(t.stalledNs(0, 100)).isEqualTo(20);
    assertThat(t.stalledNs(15, 20)).isEqualTo(10); // both
    assertThat(t.utilisation(10, 20)).isEqualTo(0.5); // 20 of 40 CPU-nanoseconds
  }

  @Test
  void oneUnknownVirtualCpuMakesItPerGuest() {
    List<Stall> stalls = List.of(new Stall(10, 20, 0), new Stall(15, 25));
    StallTimeline t = StallTimeline.of(0, 2, stalls);
    assertThat(t.scope()).isEqualTo(StallScope.PER_GUEST);
    assertThat(t.stalledNs(0, 100)).isEqualTo(15);
    assertThat(StallTimeline.of(0, 0, List.of(new Stall(1, 2, 0))).scope())
        .isEqualTo(StallScope.PER_GUEST);
  }

  @Test
  void mmuIsThatOfTheWorstWindow() {
    // Stalls [100,110) and [130,140). A window of 40 can hold both: 40 - 20 = 20 left, 0.5.
    // A window of 20 holds one at most: 0.5. A window of 10 may be stalled all through: 0.
    StallTimeline t = StallTimeline.perGuest(0, List.of(new Stall(100, 110), new Stall(130, 140)));
    assertThat(t.mmu(40, 0, 200)).isEqualTo(0.5);
    assertThat(t.mmu(20, 0, 200)).isEqualTo(0.5);
    assertThat(t.mmu(10, 0, 200)).isZero();
    assertThat(t.mmu(40, 0, 120)).isEqualTo(0.75); // only the first stall lies before 120
    assertThat(t.mmu(10, 140, 150)).isEqualTo(1);
  }

  @Test
  void aStallBeforeTheFirstInstructionIsPartOfTheStart() {
    StallTimeline t = StallTimeline.perGuest(50, List.of(new Stall(10, 60), new Stall(20, 30)));
    assertThat(t.stalledNs(0, 100)).isEqualTo(60);
    assertThat(StallTimeline.perGuest(50, List.of(new Stall(10, 30))).lastStallEndNs())
        .isEqualTo(50);
  }

  @Test
  void aGuestThatNeverStallsIsAlwaysFullyUtilised() {
    StallTimeline t = StallTimeline.perGuest(0, List.of());
    assertThat(t.lastStallEndNs()).isZero();
    assertThat(t.mmu(10, 0, 100)).isEqualTo(1);
    assertThat(t.utilisation(0, 5)).isEqualTo(1);
  }

  @Test
  void nonsenseIsRefused() {
    assertThatThrownBy(() -> new Stall(5, 4)).hasMessageContaining("[5, 4)");
    assertThatThrownBy(() -> new Stall(-1, 4)).hasMessageContaining("[-1, 4)");
    assertThatThrownBy(() -> new Stall(0, Long.MAX_VALUE)).hasMessageContaining("2^50");
    assertThatThrownBy(() -> StallTimeline.perGuest(-1, List.of())).hasMessageContaining("-1");
    assertThatThrownBy(() -> StallTimeline.of(0, 2, List.of(new Stall(0, 1, 2))))
        .hasMessageContaining("virtual CPU 2");
    assertThatThrownBy(() -> StallTimeline.of(0, 5000, List.of(new Stall(0, 1, 2))))
        .hasMessageContaining("at most 4096");
    StallTimeline t = StallTimeline.perGuest(0, List.of());
    assertThatThrownBy(() -> t.ttr(0)).hasMessageContaining("longer than 0");
    assertThatThrownBy(() -> t.mmu(100, 0, 99)).hasMessageContaining("does not hold");
  }

  @Test
  void theLongestTimesOfTheMostVirtualCpusDoNotOverflow() {
    List<Stall> all = new ArrayList<>();
    for (int cpu = 0; cpu < StallTimeline.MAX_VCPUS; cpu++) {
      all.add(new Stall(0, Stall.MAX_NS, cpu));
    }
    StallTimeline t = StallTimeline.of(0, StallTimeline.MAX_VCPUS, all);
    assertThat(t.stalledNs(0, Stall.MAX_NS)).isEqualTo(1L << 62);
    assertThat(t.ttr(Stall.MAX_NS).ttrNs(0.5)).isEqualTo(Stall.MAX_NS / 2);
  }

  @Test
  void randomLogsAgreeWithBruteForce() {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    for (int round = 0; round < 300; round++) {
      BruteForce truth = RandomLogs.next(random);
      StallTimeline t = StallTimeline.of(truth.firstInstructionNs(), truth.vcpus(), truth.stalls());
      String which = "seed " + seed + ", round " + round + ": " + truth;
      long from = random.nextInt(150);
      long to = from + random.nextInt(150);
      assertThat(t.stalledNs(from, to)).as(which).isEqualTo(truth.stalledNs(from, to));
      long window = 1L + random.nextInt(60);
      to = from + window + random.nextInt(150);
      assertThat(t.mmu(window, from, to))
          .as(which + ", mmu(" + window + ", " + from + ", " + to + ")")
          .isCloseTo(truth.mmu(window, from, to), within(1e-12));
    }
  }
}
