package org.rekindle.restore;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;

/** A guest of 10,000 pages of working set, and a minute to read all in one go. */
class MissForecastTest {
  private static final int PAGES = 10_000;
  private static final long MS = 1_000_000;
  private static final long SECOND_NS = 1_000_000_000;
  private static final double MINUTE_NS = 60e9;

  /** Most at once: the rest comes ever more slowly. */
  private static final Profile SOON =
      profile(rank -> (long) (-2e9 * Math.log(1 - (double) rank / PAGES)));

  /** As many in each second of a minute. */
  private static final Profile EVENLY = profile(rank -> 60 * SECOND_NS / PAGES * rank);

  /** Within a tenth of a second. */
  private static final Profile AT_ONCE = profile(rank -> 10_000L * rank);

  private static Profile profile(java.util.function.IntToLongFunction touchNs) {
    Access[] access = new Access[PAGES];
    Arrays.fill(access, Access.UNKNOWN);
    int[] pages = IntStream.range(0, PAGES).toArray();
    long[] times = IntStream.of(pages).mapToLong(touchNs).toArray();
    return new Profile(pages, times, access, LongStream.of(times).max().orElse(0), "test");
  }

  /** What is expected of a guest that missed so many pages in so much of its time. */
  private static double expectedNs(
      @Nullable Profile profile, double utilisation, int misses, long ranNs, long missNs) {
    MissForecast forecast = new MissForecast(profile, new TtrTarget(SECOND_NS, utilisation));
    for (int i = 0; i < misses; i++) {
      long atNs = i * (ranNs / misses + missNs);
      forecast.runs(atNs);
      forecast.waits(atNs + ranNs / misses);
      forecast.missed();
      forecast.reads(0);
      forecast.served(missNs);
    }
    return forecast.expectedNs(MINUTE_NS);
  }

  @Test
  void aSetThatIsTouchedSoonAndLacksLittleIsServed() {
    // A fifth of the set has been touched, so 4 times as many are to come: 1.6 s of waiting in all.
    assertThat(expectedNs(SOON, 0.9, 20, 446 * MS, 20 * MS)).isBetween(1e9, 10e9);
  }

  @Test
  void aSetThatIsTouchedEvenlyIsNot() {
    assertThat(expectedNs(EVENLY, 0.9, 20, 446 * MS, 20 * MS)).isGreaterThan(MINUTE_NS);
  }

  @Test
  void missesThatAreCheapAreServed() {
    assertThat(expectedNs(EVENLY, 0.9, 20, 446 * MS, MS)).isZero();
    assertThat(expectedNs(null, 0.9, 20, 446 * MS, MS)).isZero();
  }

  @Test
  void withoutASetOrItsTimesFirstTouchesComeEverMoreRarely() {
    // 20 misses in 0.1 s, so 11 % of the time is lost in misses of 20 ms where they come 18 times
    // as rarely: after 32 s, with 340 misses.
    assertThat(expectedNs(null, 0.9, 20, 100 * MS, 20 * MS)).isBetween(20e9, 60e9);
    assertThat(expectedNs(profile(_ -> 5), 0.9, 20, 100 * MS, 20 * MS))
        .isEqualTo(expectedNs(null, 0.9, 20, 100 * MS, 20 * MS));
  }

  @Test
  void aStricterTargetIsMetLater() {
    double before = 0;
    for (double utilisation : new double[] {0.1, 0.5, 0.7, 0.9, 0.99}) {
      double expectedNs = expectedNs(SOON, utilisation, 20, 446 * MS, 20 * MS);
      assertThat(expectedNs).isGreaterThanOrEqualTo(before);
      before = expectedNs;
    }
    assertThat(before).isPositive();
  }

  @Test
  void aGuestThatMissesMoreIsResponsiveLater() {
    assertThat(expectedNs(SOON, 0.9, 200, 446 * MS, 20 * MS))
        .isGreaterThan(expectedNs(SOON, 0.9, 20, 446 * MS, 20 * MS));
  }

  @Test
  void whatIsReadMeanwhileIsNotMissed() {
    MissForecast forecast = new MissForecast(EVENLY, TtrTarget.DEFAULT);
    forecast.runs(0);
    forecast.waits(100 * MS);
    IntStream.range(0, 20).forEach(_ -> forecast.missed());
    forecast.served(400 * MS);
    assertThat(forecast.expectedNs(SECOND_NS)).isLessThan(forecast.expectedNs(MINUTE_NS));
  }

  @Test
  void aGuestThatOnlyWaitsLeavesLittleOfAWindowToTheFill() {
    // 8 misses for the first thousandth of the set, 50 ms each.
    MissForecast forecast = new MissForecast(AT_ONCE, TtrTarget.DEFAULT);
    forecast.runs(0);
    forecast.waits(100_000);
    IntStream.range(0, 8).forEach(_ -> forecast.missed());
    forecast.reads(0);
    forecast.served(400 * MS);
    assertThat(forecast.expectedNs(SECOND_NS)).isGreaterThan(2 * (double) SECOND_NS);
  }

  @Test
  void itIsLookedAtAfterFourMissesAndThenAfterAQuarterMore() {
    MissForecast forecast = new MissForecast(SOON, TtrTarget.DEFAULT);
    forecast.missed();
    forecast.served(MS);
    int[] looks = IntStream.rangeClosed(2, 40).filter(_ -> forecast.missed()).toArray();
    assertThat(looks).containsExactly(4, 5, 6, 7, 8, 10, 12, 15, 18, 22, 27, 33);
  }

  /** Whether a guest that waited 20 ms for each of so many misses is given up for a minute. */
  private static boolean givesUp(Profile profile, int misses, long ranNs) {
    MissForecast forecast = new MissForecast(profile, TtrTarget.DEFAULT);
    forecast.runs(0);
    forecast.waits(ranNs);
    IntStream.range(0, misses).forEach(_ -> forecast.missed());
    forecast.reads(0);
    forecast.served(misses * 20L * MS);
    return forecast.givesUp(MINUTE_NS, 0);
  }

  @Test
  void fewMissesAreEnoughIfTheGuestIsClearlyLost() {
    assertThat(givesUp(AT_ONCE, 4, MS / 50)).isTrue(); // it does nothing but wait
    assertThat(givesUp(EVENLY, 7, 70 * MS)).isFalse(); // two thirds of its time
    assertThat(givesUp(EVENLY, 8, 80 * MS)).isTrue();
  }
}
