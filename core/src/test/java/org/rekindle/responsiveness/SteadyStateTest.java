package org.rekindle.responsiveness;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.OptionalLong;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class SteadyStateTest {
  private static final long MS = 1_000_000;
  private static final long SECOND = 1000 * MS;

  /** A beat every 10 ms, as by clockwork. */
  private final SteadyState hundred =
      SteadyState.of(everyMs(10, 0, 20_000), SteadyState.WINDOW_NS).orElseThrow();

  @Test
  void aClockworkHasNoDeviationButAFloor() {
    assertThat(hundred.beatsPerSecond()).isEqualTo(100);
    assertThat(hundred.deviation()).isZero();
    assertThat(hundred.lowestNormal()).isEqualTo(99); // one beat in the window; 1 % is the same
  }

  @Test
  void meanAndDeviationByHand() {
    // Beats at 0, 1, 2, 3, 4, 6, 8 s in windows of 2 s. Whole windows begin at 0, 1, 2, 3, 4, 6 and
    // hold (0,1) (1,2) (2,3) (3,4) (4) (6): 2, 2, 2, 2, 1, 1 beats = 1, 1, 1, 1, 0.5, 0.5 per
    // second.
    // Mean 5/6; variance (4 * (1/6)^2 + 2 * (1/3)^2) / 6 = 1/18.
    long[] beats = LongStream.of(0, 1, 2, 3, 4, 6, 8).map(s -> s * SECOND).toArray();
    SteadyState steady = SteadyState.of(beats, 2 * SECOND).orElseThrow();
    assertThat(steady.beatsPerSecond()).isCloseTo(5 / 6.0, within(1e-12));
    assertThat(steady.deviation()).isCloseTo(Math.sqrt(1 / 18.0), within(1e-12));
    assertThat(steady.lowestNormal())
        .isCloseTo(5 / 6.0 - 0.5, within(1e-12)); // one beat per window
  }

  @Test
  void aRecordingShorterThanAWindowHasNoSteadyState() {
    assertThat(SteadyState.of(everyMs(10, 0, 900), SECOND)).isEmpty();
    assertThat(SteadyState.of(new long[0], SECOND)).isEmpty();
  }

  @Test
  void aGuestThatBeatsAsBeforeIsBackAtItsFirstBeat() {
    assertThat(hundred.backToNormalNs(everyMs(10, 730, 8000), 8 * SECOND))
        .isEqualTo(OptionalLong.of(730 * MS));
  }

  @Test
  void aSlowStartIsNotNormal() {
    // Half the rate until 3 s, then the full one. A window from 2990 ms on holds one beat less.
    long[] beats =
        LongStream.concat(
                LongStream.of(everyMs(20, 500, 3000)), LongStream.of(everyMs(10, 3000, 9000)))
            .toArray();
    // The beat at 2980: [2980, 3980) holds 2980 and 3000 ... 3970, 99 beats: still within the
    // floor.
    // Over three seconds it is 299 beats, 99.67 per second.
    assertThat(hundred.backToNormalNs(beats, 9 * SECOND)).isEqualTo(OptionalLong.of(2980 * MS));
  }

  @Test
  void oneLuckyWindowIsNotEnough() {
    // Normal from 1 to 2.5 s, silent until 6 s, then normal.
    long[] beats =
        LongStream.concat(
                LongStream.of(everyMs(10, 1000, 2500)), LongStream.of(everyMs(10, 6000, 12_000)))
            .toArray();
    assertThat(hundred.backToNormalNs(beats, 12 * SECOND)).isEqualTo(OptionalLong.of(6 * SECOND));
  }

  @Test
  void fasterThanBeforeIsNormal() {
    assertThat(hundred.backToNormalNs(everyMs(5, 40, 8000), 8 * SECOND))
        .isEqualTo(OptionalLong.of(40 * MS));
  }

  @Test
  void whatWasNotSeenIsNotClaimed() {
    assertThat(hundred.backToNormalNs(everyMs(10, 1000, 3900), 3900 * MS)).isEmpty();
    assertThat(hundred.backToNormalNs(new long[0], 100 * SECOND)).isEmpty();
    assertThat(hundred.backToNormalNs(everyMs(20, 0, 50_000), 50 * SECOND)).isEmpty();
  }

  @Test
  void beatsOutOfOrderAreRefused() {
    assertThatThrownBy(() -> SteadyState.of(new long[] {5, 4}, SECOND))
        .hasMessageContaining("beat 1");
    assertThatThrownBy(() -> hundred.backToNormalNs(new long[] {5, 4}, SECOND))
        .hasMessageContaining("beat 1");
  }

  private static long[] everyMs(long stepMs, long fromMs, long toMs) {
    return LongStream.iterate(fromMs * MS, t -> t < toMs * MS, t -> t + stepMs * MS).toArray();
  }
}
