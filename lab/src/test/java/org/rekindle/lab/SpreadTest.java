package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class SpreadTest {
  @Test
  void theMedianIsInTheMiddle() {
    assertThat(Spread.of(List.of(3.0, 1.0, 2.0))).isEqualTo(new Spread(2, 1, 3, 3));
    assertThat(Spread.of(List.of(4L, 1L))).isEqualTo(new Spread(2.5, 1, 4, 2));
  }

  @Test
  void whatIsUnknownDoesNotCount() {
    assertThat(Spread.of(Arrays.asList(null, 7.0, null))).isEqualTo(new Spread(7, 7, 7, 1));
    assertThat(Spread.of(Arrays.asList((Double) null))).isNull();
    assertThat(Spread.of(List.<Double>of())).isNull();
  }
}
