package org.rekindle.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class ProgressTest {
  private static final long MIB = 1 << 20;
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private long nowNs;

  private Progress progress(boolean terminal) {
    return new Progress(
        new PrintStream(bytes, true, StandardCharsets.UTF_8), terminal, () -> nowNs, "Saving");
  }

  private String shown() {
    return bytes.toString(StandardCharsets.UTF_8);
  }

  private void atMs(long ms) {
    nowNs = ms * 1_000_000;
  }

  @Test
  void whatIsOverAtOnceShowsNothing() {
    try (Progress progress = progress(true)) {
      atMs(400);
      progress.bytes(10, 10);
    }
    assertThat(shown()).isEmpty();
  }

  @Test
  void aTerminalSeesOneLineWithRateAndTimeLeft() {
    try (Progress progress = progress(true)) {
      atMs(1000);
      progress.bytes(100 * MIB, 400 * MIB);
      assertThat(shown())
          .isEqualTo("\r\033[KSaving  100 MiB of 400 MiB  25 %  100 MiB/s  3.00 s left");
      atMs(1050); // too early for another frame
      progress.bytes(101 * MIB, 400 * MIB);
    }
    assertThat(shown()).endsWith("3.00 s left\r\033[K");
  }

  @Test
  void aLogSeesAPlainLineNowAndThen() {
    try (Progress progress = progress(false)) {
      for (int ms = 0; ms < 11_000; ms += 100) {
        atMs(ms);
        progress.bytes(ms * MIB / 10, 0);
      }
    }
    assertThat(shown().lines())
        .containsExactly("Saving  500 MiB  100 MiB/s", "Saving  0.98 GiB  100 MiB/s");
  }

  @Test
  void theRateFollowsADiskThatSpeedsUp() {
    try (Progress progress = progress(false)) {
      long done = 0;
      for (int ms = 0; ms <= 60_000; ms += 100) {
        atMs(ms);
        done += (ms < 30_000 ? 1 : 10) * MIB;
        progress.bytes(done, 0);
      }
    }
    String last = shown().lines().reduce((a, b) -> b).orElseThrow();
    String rate = last.replaceAll(".*  ([0-9.]+) MiB/s", "$1");
    assertThat(Double.parseDouble(rate)).isBetween(80.0, 101.0);
  }
}
