package org.rekindle.linux;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ProcessorTimeTest {
  private static final long TICK_NS = 10_000_000;

  @Test
  void workIsCountedFinerThanInHundredthsOfASecond() {
    long smallestNs = Long.MAX_VALUE;
    long lastNs = ProcessorTime.ofThisProcessNs();
    assertThat(lastNs).isPositive();
    for (int i = 0; i < 1_000; i++) {
      long nowNs = ProcessorTime.ofThisProcessNs();
      assertThat(nowNs).isGreaterThanOrEqualTo(lastNs);
      if (nowNs > lastNs) {
        smallestNs = Math.min(smallestNs, nowNs - lastNs);
      }
      lastNs = nowNs;
    }
    assertThat(smallestNs).isLessThan(TICK_NS);
  }
}
