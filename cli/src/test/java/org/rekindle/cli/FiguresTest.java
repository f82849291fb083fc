package org.rekindle.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FiguresTest {
  @Test
  void threeDigitsCount() {
    assertThat(Figures.bytes(999)).isEqualTo("999 B");
    assertThat(Figures.bytes(1000)).isEqualTo("0.98 KiB");
    assertThat(Figures.bytes(187.4 * 1024 * 1024)).isEqualTo("187 MiB");
    assertThat(Figures.bytes(1L << 50)).isEqualTo("1024 TiB");
    assertThat(Figures.time(1_234_000)).isEqualTo("1.23 ms");
    assertThat(Figures.time(12_340_000_000L)).isEqualTo("12.3 s");
    assertThat(Figures.time(65_000_000_000L)).isEqualTo("1 min 05 s");
    assertThat(Figures.count(24576)).isEqualTo("24,576");
  }
}
