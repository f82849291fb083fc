package org.rekindle.lab.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class DeviceCurveTest {
  private static final long EXTENT = DeviceCurve.EXTENT_BYTES;

  private final DeviceCurve device =
      new DeviceCurve(List.of(1000L, 1100L, 10_000L), List.of(100.0, 300.0, 200.0), List.of(5L));

  @Test
  void bytesComeInProportionInsideAnExtentAndAtTheMeanSpeedBeyondTheLast() {
    assertThat(device.fastestNs(EXTENT / 2)).isEqualTo(500);
    assertThat(device.fastestNs(EXTENT)).isEqualTo(1000);
    assertThat(device.fastestNs(EXTENT * 3 / 2)).isEqualTo(1050);
    assertThat(device.fastestNs(3 * EXTENT)).isEqualTo(10_000);
    assertThat(device.fastestNs(6 * EXTENT)).isEqualTo(20_000);
  }

  @Test
  void theFastestTrialCountsForEachExtentAndMoreBytesAreNeverSooner() {
    DeviceCurve other = new DeviceCurve(List.of(2000L, 2100L, 2200L, 2300L), List.of(), List.of());
    assertThat(device.and(other).fastestNs()).containsExactly(1000L, 1100L, 2200L, 2300L);
    DeviceCurve lucky = new DeviceCurve(List.of(2000L, 900L), List.of(), List.of());
    assertThat(device.and(lucky).fastestNs()).containsExactly(900L, 900L, 10_000L);
  }

  @Test
  void itIsReadAsItWasWritten() {
    DeviceCurve read = DeviceCurve.fromMap(device.toMap());
    assertThat(read.fastestNs()).isEqualTo(device.fastestNs());
    assertThat(read.bytesPerSecond()).isEqualTo(200);
    assertThat(read.readNs()).containsExactly(5L);
  }
}
