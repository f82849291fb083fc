package org.rekindle.restore;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FaultTableTest {
  private final FaultTable table = new FaultTable();
  private final FaultLog log = new FaultLog();

  private void fault(int page, long arrivalNs) {
    table.add(page, 1, 1, arrivalNs, FaultSink.VCPU_UNKNOWN, false);
    table.waiting(table.size() - 1);
  }

  @Test
  void aDemandedPageIsServedBeforeTheOthersAreOut() {
    fault(7, 10);
    fault(8, 11);
    fault(9, 12);
    table.placed(7, 1, Cause.LATE);
    table.placed(9, 1, Cause.DEMAND);

    table.demandedServed(20, log);

    assertThat(log.size()).isEqualTo(1);
    assertThat(log.page(0)).isEqualTo(9);
    assertThat(log.servedNs(0)).isEqualTo(20);
    assertThat(table.size()).isEqualTo(2);
    assertThat(table.anyPlaced()).isTrue();

    table.served(30, log);

    assertThat(log.size()).isEqualTo(2);
    assertThat(log.page(1)).isEqualTo(7);
    assertThat(log.servedNs(1)).isEqualTo(30);
    assertThat(table.anyPlaced()).isFalse();
    assertThat(table.page(0)).isEqualTo(8);
    assertThat(table.isAwaited(0)).isTrue();
  }
}
