package org.rekindle.restore;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Bulk reads of 1 MiB, one after the other. */
class MissRoomTest {
  private static final long MS = 1_000_000;
  private static final long BYTES = 1 << 20;

  private final MissRoom room = new MissRoom();
  private long nowNs;
  private int missesRead;

  private void read(long tookNs) {
    room.read(BYTES, nowNs, nowNs + tookNs, missesRead);
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
    slice();
    assertThat(room.isGranted()).isTrue();
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
}
