package org.rekindle.restore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import org.junit.jupiter.api.Test;

/** Bulk reads of 1 MiB, one after the other. */
class MissRoomTest {
  private static final long MS = 1_000_000;
  private static final long BYTES = 1 << 20;

  private final MissRoom room = new MissRoom((int) BYTES);
  private long nowNs;
  private int missesRead;

  private void read(long tookNs) {
    read(BYTES, tookNs);
  }

  private void read(long bytes, long tookNs) {
    room.read(bytes, nowNs, nowNs + tookNs, missesRead, missesRead);
    nowNs += tookNs;
  }

  /** Ten reads pass at once, the next one waits for the end of a tenth of a second. */
  private void slice() {
    for (int i = 0; i < 10; i++) {
      read(MS);
    }
    read(90 * MS);
  }

  @Test
  void aSteadyDeviceIsReadWithoutRest() {
    room.missed(nowNs);
    for (int i = 0; i < 1_000; i++) {
      read(9 * MS);
      assertThat(room.restNs(nowNs)).isZero();
    }
  }

  @Test
  void aSlowDeviceIsNotTakenForOneThatGrants() {
    room.missed(nowNs);
    for (int i = 0; i < 1_000; i++) {
      read((30 + i % 3) * MS);
    }
    assertThat(room.isGranted()).isFalse();
  }

  @Test
  void aHiccupNowAndThenIsNoGrant() {
    room.missed(nowNs);
    for (int i = 0; i < 100; i++) {
      for (int read = 0; read < 100; read++) {
        read(2 * MS);
      }
      read(80 * MS);
    }
    assertThat(room.isGranted()).isFalse();
  }

  @Test
  void aDeviceThatHoldsUpOneReadAfterEveryFewGrantsThem() {
    slice();
    assertThat(room.isGranted()).isFalse();
    assertThat(room.nsPerByte()).isEqualTo(100.0 * MS / 11 / BYTES); // at a guess
    room.missed(nowNs);
    assertThat(room.restNs(nowNs)).isZero();
    slice();
    assertThat(room.isGranted()).isTrue();
  }

  @Test
  void aGuessIsDroppedIfTheNextReadThatIsHeldUpSpeaksAgainstIt() {
    slice();
    for (int read = 0; read < 100; read++) {
      read(2 * MS);
    }
    read(80 * MS);
    assertThat(room.nsPerByte()).isZero();
  }

  @Test
  void readsAtTheSameTimeThatAllTakeLongAreNotHeldUp() {
    room.missed(nowNs);
    for (int i = 0; i < 100; i++) {
      for (int read = 1; read <= 8; read++) {
        room.read(BYTES, nowNs, nowNs + 20 * MS + read * 10_000L, 0, 0);
      }
      nowNs += 21 * MS;
      assertThat(room.nsPerByte()).isZero();
    }
    assertThat(room.isGranted()).isFalse();
  }

  @Test
  void threeQuartersOfAGrantAreReadAfterAMiss() {
    slice();
    slice();
    room.missed(nowNs);
    nowNs += room.restNs(nowNs);
    long beganNs = nowNs;
    for (int i = 0; i < 33; i++) {
      read(MS);
      nowNs += room.restNs(nowNs);
    }
    // 11 reads in 100 ms are granted, so 33 at three quarters take 400
    assertThat(nowNs - beganNs).isBetween(399 * MS, 401 * MS);
  }

  @Test
  void aSecondAfterTheLastMissAllIsTaken() {
    slice();
    slice();
    room.missed(nowNs);
    read(MS);
    assertThat(room.restNs(nowNs)).isPositive();
    nowNs += 1_000 * MS;
    read(MS);
    assertThat(room.restNs(nowNs)).isZero();
  }

  @Test
  void whatMissesAreGrantedTheFillWouldHaveInOneGo() {
    for (int slice = 0; slice < 2; slice++) {
      for (int i = 0; i < 4; i++) {
        missesRead++;
        read(MS);
      }
      missesRead++;
      read(96 * MS);
    }
    assertThat(room.nsPerByte()).isEqualTo(10.0 * MS / BYTES); // ten reads in a tenth of a second
  }

  /** One small read and ten misses pass within 6 ms, the next read waits. */
  private void sliceOfMisses(long bytes) {
    read(bytes, MS);
    missesRead += 10;
    nowNs += 5 * MS;
    read(bytes, 94 * MS);
  }

  @Test
  void missesThatTakeNearlyEveryGrantTellOfIt() {
    sliceOfMisses(BYTES / 8);
    assertThat(room.isGranted()).isFalse();
    sliceOfMisses(BYTES / 8);
    assertThat(room.isGranted()).isTrue();
    assertThat(room.nsPerByte()).isCloseTo(100.0 * MS / 12 / BYTES, withinPercentage(1));
  }

  @Test
  void howMuchIsGrantedIsKnownOnceReadsAreLarge() {
    sliceOfMisses(BYTES / 8);
    sliceOfMisses(BYTES / 8);
    double asIfAllReadsWereGrantedWhole = room.nsPerByte();
    for (int slice = 0; slice < 2; slice++) { // but five large ones are all
      missesRead += 4;
      nowNs += 2 * MS;
      read(BYTES, 98 * MS);
    }
    assertThat(room.nsPerByte())
        .isCloseTo(100.0 * MS / 5 / BYTES, withinPercentage(1))
        .isNotCloseTo(asIfAllReadsWereGrantedWhole, withinPercentage(10));
  }

  @Test
  void aDiskThatSeeksForMissesIsNotTakenForOneThatGrants() {
    for (int i = 0; i < 1_000; i++) {
      missesRead += 1 + i % 3;
      nowNs += (1 + i % 3) * 12L * MS;
      read(BYTES / 8, 16 * MS);
      read(BYTES, 45 * MS);
      assertThat(room.isGranted()).isFalse();
    }
  }
}
