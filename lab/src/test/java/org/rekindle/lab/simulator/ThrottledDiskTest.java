package org.rekindle.lab.simulator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.rekindle.lab.DiskThrottle;

/**
 * The kernel's rule worked out by hand, in its ticks of 4 ms and slices of 25, and beside what the
 * kernel did. A page takes a tenth of a millisecond, and so does a command.
 */
class ThrottledDiskTest {
  private static final long MS = 1_000_000;
  private static final long US = 1_000;
  private static final long PAGE = 4096;

  @Test
  void readsAreGrantedByTheSliceAndTheTimerFiresATickLate() {
    Device disk = twoReadsASlice();
    assertThat(disk.readNs(0, 0, PAGE)).isEqualTo(200 * US);
    assertThat(disk.readNs(200 * US, 0, PAGE)).isEqualTo(400 * US);
    assertThat(disk.readNs(400 * US, 0, PAGE)).isEqualTo(104 * MS + 200 * US);
    assertThat(disk.readNs(500 * US, 0, PAGE)).isEqualTo(104 * MS + 300 * US); // behind it
    assertThat(disk.readNs(600 * US, 0, PAGE)).isEqualTo(204 * MS + 200 * US);
  }

  @Test
  void whatASliceGrantedIsStillThereInTheNext() {
    Device disk = twoReadsASlice();
    disk.readNs(4 * MS, 0, PAGE);
    assertThat(disk.readNs(110 * MS, 0, PAGE)).isEqualTo(110 * MS + 200 * US);
    assertThat(disk.readNs(111 * MS, 0, PAGE)).isEqualTo(111 * MS + 200 * US);
    assertThat(disk.readNs(112 * MS, 0, PAGE)).isEqualTo(112 * MS + 200 * US);
    // Until the 51st tick: 50 after the first read, and one for the timer.
    assertThat(disk.readNs(113 * MS, 0, PAGE)).isEqualTo(208 * MS + 200 * US);
  }

  @Test
  void whatWasGrantedTwoSlicesAgoLapses() {
    Device disk = twoReadsASlice();
    disk.readNs(4 * MS, 0, PAGE);
    for (long slice = 1; slice <= 5; slice++) {
      disk.readNs(slice * 100 * MS, 0, PAGE);
    }
    long nowNs = 600 * MS;
    for (int read = 0; read < 5; read++) { // one is settled at once, four are two slices' grants
      assertThat(disk.readNs(nowNs, 0, PAGE)).isEqualTo(nowNs + 200 * US);
      nowNs += 500 * US;
    }
    // A slice begins with the next tick, but no wait is shorter than a read's share of a second,
    // 13.
    assertThat(disk.readNs(nowNs, 0, PAGE)).isEqualTo(656 * MS + 200 * US);
  }

  @Test
  void anIdleGroupBeginsAnew() {
    Device disk = twoReadsASlice();
    disk.readNs(0, 0, PAGE);
    disk.readNs(404 * MS, 0, PAGE);
    assertThat(disk.readNs(405 * MS, 0, PAGE)).isEqualTo(405 * MS + 200 * US);
    assertThat(disk.readNs(406 * MS, 0, PAGE)).isEqualTo(508 * MS + 200 * US);
  }

  @Test
  void missingBytesAreWaitedForAfterTheEndOfTheSlice() {
    Device disk = throttled(100 * PAGE, 1000); // ten pages a slice
    disk.readNs(0, 0, 8 * PAGE);
    assertThat(disk.readNs(1 * MS, 0, 8 * PAGE)).isEqualTo(164 * MS + 900 * US); // 25 + 15 + 1
    assertThat(disk.readNs(165 * MS, 0, 4 * PAGE)).isEqualTo(165 * MS + 500 * US);
    assertThat(disk.readNs(166 * MS, 0, PAGE)).isEqualTo(212 * MS + 200 * US); // 50 + 2 + 1
    assertThat(disk.readNs(166 * MS, 0, 25 * PAGE)).isEqualTo(464 * MS + 2600 * US); // 75 + 40 + 1
  }

  @Test
  void aSliceMustGrantSomething() {
    assertThatThrownBy(() -> throttled(1_000_000, 9)).hasMessageContaining("9 reads/s");
  }

  /** throttle.csv says how it was measured. Each read is asked for when it was, whatever before. */
  @Test
  void nearlyEveryReadThatTheKernelThrottledEndsWithinTwoTicksOfWhenItDid() throws IOException {
    List<Long> errorsNs = new ArrayList<>();
    String pattern = "";
    Device disk = ThrottledDisk.EXPERIMENTS.open();
    for (String line : lines("throttle.csv")) {
      String[] fields = line.split(",", -1); // pattern, asked for at, done at, bytes
      if (!fields[0].equals(pattern)) {
        pattern = fields[0];
        disk = ThrottledDisk.EXPERIMENTS.open();
      }
      long phaseNs = ThrottledDisk.TICK_NS / 2; // the first read's place in its tick is not known
      long doneNs =
          disk.readNs(Long.parseLong(fields[1]) + phaseNs, 0, Long.parseLong(fields[3])) - phaseNs;
      errorsNs.add(Math.abs(doneNs - Long.parseLong(fields[2])));
    }
    assertThat(errorsNs).hasSizeGreaterThan(500);
    assertThat(errorsNs.stream().filter(errorNs -> errorNs > 2 * ThrottledDisk.TICK_NS).count())
        .isLessThan(errorsNs.size() / 100);
  }

  private static List<String> lines(String resource) throws IOException {
    try (var in = ThrottledDiskTest.class.getResourceAsStream(resource);
        var reader =
            new BufferedReader(
                new InputStreamReader(Objects.requireNonNull(in), StandardCharsets.UTF_8))) {
      return reader.lines().filter(line -> !line.startsWith("#")).toList();
    }
  }

  private static Device twoReadsASlice() {
    return throttled(1_000_000 * PAGE, 20);
  }

  private static Device throttled(long bytesPerSecond, int readsPerSecond) {
    return new ThrottledDisk(
            new DiskThrottle.Limits(bytesPerSecond, readsPerSecond),
            new Flash(100 * US, 10_000 * PAGE))
        .open();
  }
}
