package org.rekindle.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class MemoryMapTest {
  private final MemoryMap map =
      new MemoryMap(
          List.of(new Region("pc.ram", 8 * 4096, 4096), new Region("vga.vram", 2 * 4096, 4096)));

  @Test
  void regionsLieEndToEnd() {
    assertThat(map.pages()).isEqualTo(10);
    assertThat(map.page(1, 1)).isEqualTo(9);
    assertThat(map.regionOf(7)).isEqualTo(0);
    assertThat(map.regionOf(8)).isEqualTo(1);
    assertThat(map.gpn(9)).isEqualTo(1);
    assertThat(map.indexOf("vga.vram")).isEqualTo(1);
    assertThat(map.indexOf("rom")).isEqualTo(-1);
  }

  @Test
  void absurdRegionsAreRefused() {
    assertThatThrownBy(() -> new Region("x", 4095, 4096)).hasMessageContaining("multiple of 4096");
    assertThatThrownBy(
            () -> new MemoryMap(List.of(new Region("x", 4096, 4096), new Region("x", 4096, 4096))))
        .hasMessageContaining("twice");
    assertThatThrownBy(() ->
            new MemoryMap(
                List.of(new Region("a", 1L << 42, 4096), new Region("b", 1L << 42, 4096))))
        .hasMessageContaining("2^31");
  }
}
