package org.rekindle.responsiveness;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.rekindle.responsiveness.TtrCurve.Vertex;

class TtrCurveTest {
  private static final long MS = 1_000_000;
  private static final long SECOND = 1000 * MS;

  @Test
  void oneStallByHand() {
    // The guest starts at 0 and stalls once, [1000, 1400) ms; w = 1 s. A window that holds all of
    // it
    // has 0.6 left, so up to 0.6 nothing is ever wrong. To have 0.9 left a window may hold 100 ms
    // of
    // it: the first such begins at 1300 ms. To have all: 1400 ms.
    TtrCurve curve = guest(0, stallMs(1000, 1400)).ttr(SECOND);
    assertThat(curve.ttrNs(0)).isZero();
    assertThat(curve.ttrNs(0.5)).isZero();
    assertThat(curve.ttrNs(0.6)).isZero();
    assertThat(curve.ttrNs(0.7)).isEqualTo(1100 * MS);
    assertThat(curve.ttrNs(0.9)).isEqualTo(1300 * MS);
    assertThat(curve.ttrNs(1)).isEqualTo(1400 * MS);
    assertThat(curve.vertices(0))
        .containsExactly(
            new Vertex(0, 0), //
            new Vertex(0, 0.6),
            new Vertex(1000 * MS, 0.6),
            new Vertex(1400 * MS, 1));
  }

  @Test
  void aLateSmallStallMakesAPlateau() {
    // First instruction at 500 ms; stalls [500, 1300) and, late, [5000, 5200). w = 1 s.
    // Windows from 500 on: the first holds 800 ms of stall (0.2 left). From 1300 - B on it holds B.
    // The late stall costs every window that holds it 200 ms: 0.8 is guaranteed once the first
    // stall has less than 200 ms left in the window, from 1100 ms on; more only from 5000 ms on.
    TtrCurve curve = guest(500, stallMs(500, 1300), stallMs(5000, 5200)).ttr(SECOND);
    assertThat(curve.ttrNs(0.1)).isEqualTo(500 * MS);
    assertThat(curve.ttrNs(0.2)).isEqualTo(500 * MS);
    assertThat(curve.ttrNs(0.5)).isEqualTo(800 * MS);
    assertThat(curve.ttrNs(0.8)).isEqualTo(1100 * MS);
    assertThat(curve.ttrNs(0.85)).isEqualTo(5050 * MS);
    assertThat(curve.ttrNs(0.9)).isEqualTo(5100 * MS);
    assertThat(curve.ttrNs(1)).isEqualTo(5200 * MS);
    assertThat(curve.vertices(0))
        .containsExactly(
            new Vertex(0, 0),
            new Vertex(500 * MS, 0),
            new Vertex(500 * MS, 0.2),
            new Vertex(1100 * MS, 0.8),
            new Vertex(5000 * MS, 0.8),
            new Vertex(5200 * MS, 1));
    assertThat(curve.guaranteedFrom(499 * MS)).isZero();
    assertThat(curve.guaranteedFrom(800 * MS)).isEqualTo(0.5);
    assertThat(curve.guaranteedFrom(3000 * MS)).isEqualTo(0.8);
    assertThat(curve.guaranteedFrom(5050 * MS)).isEqualTo(0.85);
    assertThat(curve.guaranteedFrom(6000 * MS)).isEqualTo(1);
  }

  @Test
  void twoVirtualCpusShareTheLoss() {
    // Both stall [0, 100) ms, then cpu 1 alone [100, 300); w = 0.4 s, budget 800 CPU-ms.
    // The window at 0 holds 100 + 300 = 400 CPU-ms: 0.5. It loses 2 per ms for the first 100 ms
    // (at 100: 200, 0.75 left), then 1 per ms until 300 ms.
    StallTimeline t =
        StallTimeline.of(0, 2, List.of(new Stall(0, 100 * MS, 0), new Stall(0, 300 * MS, 1)));
    TtrCurve curve = t.ttr(400 * MS);
    assertThat(curve.ttrNs(0.5)).isZero();
    assertThat(curve.ttrNs(0.6)).isEqualTo(40 * MS); // 320 CPU-ms allowed: (400 - 320) / 2
    assertThat(curve.ttrNs(0.75)).isEqualTo(100 * MS);
    assertThat(curve.ttrNs(0.9)).isEqualTo(220 * MS); // 80 allowed: 100 + (200 - 80)
    assertThat(curve.ttrNs(1)).isEqualTo(300 * MS);
  }

  @Test
  void aFractionOfANanosecondIsRoundedUp() {
    // Both of two cpus stall [0, 10) ns; w = 10. Allowed stall 5 of 20 at u = 0.75: 20 - 2t <= 5
    // from t = 7.5 on.
    StallTimeline t = StallTimeline.of(0, 2, List.of(new Stall(0, 10, 0), new Stall(0, 10, 1)));
    assertThat(t.ttr(10).ttrNs(0.75)).isEqualTo(8);
  }

  @Test
  void anEagerRestoreHasOneTtrForEveryUAndW() {
    StallTimeline eager = guest(32_000);
    for (long window : new long[] {100 * MS, SECOND, 10 * SECOND, 100 * SECOND}) {
      for (double u : new double[] {0.01, 0.1, 0.5, 0.9, 1}) {
        assertThat(eager.ttr(window).ttrNs(u)).isEqualTo(32 * SECOND);
      }
      assertThat(eager.ttr(window).vertices(0))
          .containsExactly(
              new Vertex(0, 0), new Vertex(32 * SECOND, 0), new Vertex(32 * SECOND, 1));
    }
  }

  @Test
  void aWindowLongerThanTheWholeRestoreIsAllowed() {
    // [0,100) and [200,300) ms in a window of 10 s: 0.98 at once, 0.99 once the first is over.
    TtrCurve curve = guest(0, stallMs(0, 100), stallMs(200, 300)).ttr(10 * SECOND);
    assertThat(curve.ttrNs(0.98)).isZero();
    assertThat(curve.ttrNs(0.985)).isEqualTo(50 * MS);
    assertThat(curve.ttrNs(0.99)).isEqualTo(100 * MS);
    assertThat(curve.ttrNs(0.995)).isEqualTo(250 * MS);
  }

  @Test
  void aGuestThatNeverStallsIsResponsiveAtOnce() {
    TtrCurve curve = guest(0).ttr(SECOND);
    assertThat(curve.ttrNs(1)).isZero();
    assertThat(curve.guaranteedFrom(0)).isEqualTo(1);
    assertThat(curve.vertices(0)).containsExactly(new Vertex(0, 0), new Vertex(0, 1));
  }

  @Test
  void uMeansWholeNanoseconds() {
    // 0.9 of 1 s is 900,000,000 ns although the double is a little more.
    TtrCurve curve = guest(0, stallMs(0, 100)).ttr(SECOND);
    assertThat(curve.ttrNs(0.9)).isZero();
    assertThat(curve.ttrNs(0.900000001)).isEqualTo(1);
    assertThatThrownBy(() -> curve.ttrNs(1.1)).hasMessageContaining("1.1");
    assertThatThrownBy(() -> curve.ttrNs(Double.NaN)).hasMessageContaining("NaN");
  }

  @Test
  void randomLogsAgreeWithBruteForceForEveryU() {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    for (int round = 0; round < 300; round++) {
      BruteForce truth = RandomLogs.next(random);
      long window = 1L + random.nextInt(random.nextBoolean() ? 12 : 200);
      TtrCurve curve = timeline(truth).ttr(window);
      String which = "seed " + seed + ", round " + round + ", window " + window + ": " + truth;
      long budget = Math.max(1, truth.vcpus()) * window;
      long step = 1 + budget / 20; // every u that can matter in small windows, 20 in long ones
      for (long needed = 0; needed <= budget; needed += step) {
        assertThat(curve.ttrNs((double) needed / budget))
            .as("%s, needs %d of %d", which, needed, budget)
            .isEqualTo(truth.ttrNs(window, needed));
      }
      assertThat(curve.ttrNs(1)).as(which).isEqualTo(truth.ttrNs(window, budget));
    }
  }

  @Test
  void theCurveNeverFallsAndBothReadingsAgree() {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    for (int round = 0; round < 500; round++) {
      StallTimeline timeline = timeline(RandomLogs.next(random));
      long window = 1L + random.nextInt(100);
      long budget = timeline.vcpus() * window;
      TtrCurve curve = timeline.ttr(window);
      long before = 0;
      for (int percent = 1; percent <= 100; percent++) {
        long ttr = curve.ttrNs(percent / 100.0);
        String which = "seed " + seed + ", round " + round + ", u " + percent + " %";
        assertThat(ttr).as(which).isGreaterThanOrEqualTo(before);
        // Once u is reached it stays; a nanosecond earlier it was not there yet.
        double needed = (double) Math.round(percent / 100.0 * budget) / budget;
        assertThat(curve.guaranteedFrom(ttr)).as(which).isGreaterThanOrEqualTo(needed);
        if (ttr > 0 && needed > 0) {
          assertThat(curve.guaranteedFrom(ttr - 1)).as(which).isLessThan(needed);
        }
        before = ttr;
      }
      List<Vertex> all = curve.vertices(0);
      for (int i = 1; i < all.size(); i++) {
        assertThat(all.get(i).timeNs()).isGreaterThanOrEqualTo(all.get(i - 1).timeNs());
        assertThat(all.get(i).utilisation()).isGreaterThanOrEqualTo(all.get(i - 1).utilisation());
      }
      assertThat(all.getLast()).isEqualTo(new Vertex(timeline.lastStallEndNs(), 1));
    }
  }

  @Test
  void aWindowOfManyTimesTheLengthIsNeverLessFortunate() {
    // MMU(k * w) >= MMU(w): a window of k * w is k windows of w end to end, none of which is worse.
    // The same holds for TTR. (For other ratios it does not: a longer window may hold two stalls of
    // which a shorter one holds one.)
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    for (int round = 0; round < 500; round++) {
      StallTimeline t = timeline(RandomLogs.next(random));
      long window = 10L * (1 + random.nextInt(5));
      int times = 2 + random.nextInt(5);
      for (double u : new double[] {0.1, 0.5, 0.9, 1}) {
        assertThat(t.ttr(times * window).ttrNs(u))
            .as("seed %d, round %d, w %d * %d, u %s", seed, round, window, times, u)
            .isLessThanOrEqualTo(t.ttr(window).ttrNs(u));
      }
    }
  }

  @Test
  void fewerPointsStayWithinTheTolerance() {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    List<Stall> stalls = new ArrayList<>();
    for (int i = 0; i < 20_000; i++) {
      // Ever rarer and shorter: the worst case, where every stall is a record of its own.
      long begin = (long) (i * (1 + i / 1000.0) * MS);
      stalls.add(new Stall(begin, begin + (20_000 - i) * 40L + random.nextInt(40)));
    }
    TtrCurve curve = StallTimeline.perGuest(0, stalls).ttr(SECOND);
    List<Vertex> few = curve.vertices(0.001);
    assertThat(few).hasSizeLessThan(2010);
    assertThat(few.getLast()).isEqualTo(curve.vertices(0).getLast());
    for (int i = 1; i < few.size(); i++) {
      Vertex a = few.get(i - 1);
      Vertex b = few.get(i);
      if (a.timeNs() < b.timeNs()) {
        long middle = (a.timeNs() + b.timeNs()) / 2;
        double line =
            a.utilisation()
                + (b.utilisation() - a.utilisation())
                    * (middle - a.timeNs())
                    / (b.timeNs() - a.timeNs());
        assertThat(curve.guaranteedFrom(middle))
            .as("seed " + seed)
            .isCloseTo(line, within(0.001 + 1e-9));
      }
    }
  }

  @Test
  @Timeout(value = 30, unit = TimeUnit.SECONDS)
  void aMillionStallsAreNoBurden() {
    int count = 1_000_000;
    List<Stall> stalls = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      // 100 us apart, ever shorter from 90 us down: each window is a little better than the last.
      long begin = i * 100_000L;
      stalls.add(new Stall(begin, begin + 90_000 - i * 9L / 100, i & 1));
    }
    StallTimeline t = StallTimeline.of(0, 2, stalls);
    for (long window : new long[] {100 * MS, 10 * SECOND}) {
      TtrCurve curve = t.ttr(window);
      long before = 0;
      for (int u = 1; u <= 1000; u++) {
        long ttr = curve.ttrNs(u / 1000.0);
        assertThat(ttr).isGreaterThanOrEqualTo(before);
        before = ttr;
      }
      assertThat(curve.ttrNs(1)).isEqualTo(t.lastStallEndNs());
    }
  }

  private static StallTimeline timeline(BruteForce log) {
    return StallTimeline.of(log.firstInstructionNs(), log.vcpus(), log.stalls());
  }

  private static StallTimeline guest(long firstInstructionMs, Stall... stalls) {
    return StallTimeline.perGuest(firstInstructionMs * MS, List.of(stalls));
  }

  private static Stall stallMs(long begin, long end) {
    return new Stall(begin * MS, end * MS);
  }
}
