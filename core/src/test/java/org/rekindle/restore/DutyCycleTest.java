package org.rekindle.restore;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.rekindle.linux.ThreadUsage;

class DutyCycleTest {
  private static final long GAP_NS = 1_000_000_000_000L; // by our clock; longer than any real test

  private final DutyCycle cycle = new DutyCycle();
  private final ThreadUsage usage = new ThreadUsage();

  @Test
  void whatWasNeitherWorkedNorWaitedIsTheSchedulers() {
    // A look right behind the other; but now and then the machine makes this thread wait in
    // between.
    for (int i = 0; i < 100; i++) {
      cycle.resumes(0);
      cycle.looks(GAP_NS);
    }
    assertThat(cycle.all().longerThan(GAP_NS / 2)).isEqualTo(100);
    assertThat(cycle.ours().count()).isEqualTo(100);
    assertThat(cycle.ours().quantileNs(0.5)).isLessThan(GAP_NS / 1000);
  }

  @Test
  void workIsOurs() {
    cycle.resumes(0);
    long workedNs = work(20_000_000);
    cycle.looks(GAP_NS);
    assertThat(cycle.ours().longestNs()).isGreaterThanOrEqualTo(workedNs);
  }

  @Test
  void aWaitIsOursAllOfIt() {
    cycle.resumes(0);
    LockSupport.parkNanos(1_000_000);
    cycle.looks(GAP_NS);
    assertThat(cycle.ours().longestNs()).isEqualTo(GAP_NS);
  }

  @Test
  void aWaitForFaultsIsNoGap() {
    cycle.resumes(0);
    LockSupport.parkNanos(1_000_000);
    cycle.resumes(GAP_NS - 1);
    cycle.looks(GAP_NS);
    assertThat(cycle.all().longestNs()).isEqualTo(1);
    assertThat(cycle.ours().longestNs()).isLessThanOrEqualTo(1);
  }

  @Test
  void noMoreOfAGapIsOursThanThereWas() {
    cycle.resumes(0);
    work(20_000_000);
    cycle.looks(1_000);
    assertThat(cycle.ours().longestNs()).isLessThanOrEqualTo(1_000);
  }

  private long work(long ns) {
    usage.read();
    long fromNs = usage.workedNs();
    while (usage.workedNs() < fromNs + ns) {
      usage.read();
    }
    return usage.workedNs() - fromNs;
  }
}
