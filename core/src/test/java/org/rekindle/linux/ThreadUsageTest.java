package org.rekindle.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

class ThreadUsageTest {
  private final ThreadUsage usage = new ThreadUsage();

  @Test
  void workOfThisThreadCountsAndThatOfOthersDoesNot() throws Exception {
    usage.read();
    long beforeNs = usage.workedNs();
    Thread.ofPlatform().start(() -> work(50_000_000)).join();
    usage.read();
    long whileOtherWorkedNs = usage.workedNs() - beforeNs;
    work(50_000_000);
    usage.read();

    assertThat(whileOtherWorkedNs).isLessThan(50_000_000);
    assertThat(usage.workedNs() - beforeNs).isGreaterThanOrEqualTo(50_000_000);
  }

  @Test
  void aWaitCounts() {
    usage.read();
    long before = usage.waits();
    LockSupport.parkNanos(1_000_000);
    usage.read();
    assertThat(usage.waits()).isGreaterThan(before);
  }

  private static void work(long ns) {
    ThreadUsage own = new ThreadUsage();
    own.read();
    long untilNs = own.workedNs() + ns;
    while (own.workedNs() < untilNs) {
      own.read();
    }
  }
}
