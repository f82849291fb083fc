package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.rekindle.responsiveness.StallTimeline;

class RunTableTest {
  @Test
  void whatIsNotKnownIsADash() {
    RunResult unknown =
        RunResult.of(new RunResult.Condition("1 GiB Linux", "stock QEMU", "disk", 1));
    RunResult known =
        RunResult.of(new RunResult.Condition("1 GiB Linux", "adaptive", "disk", 1))
            .with(new RunResult.Progress(null, 88.4, 1234.5, null, 5000.0, null, List.of()))
            .with(RunResult.Responsiveness.of(StallTimeline.perGuest(88_400_000, List.of())))
            .with(new RunResult.Paging(7000L, 1L, 2L, 595_300_000L, 600L, 25_021L, 24_000L))
            .with(new RunResult.Evidence(false, null, Map.of(), null, null, null));
    String[] lines = RunTable.of(List.of(unknown, known)).split("\n", -1);
    assertThat(lines[2].split(" {2,}", -1)).hasSize(12);
    assertThat(lines[2]).startsWith("stock QEMU").endsWith("-");
    assertThat(lines[3].split(" {2,}", -1))
        .containsExactly(
            "adaptive",
            "88 ms",
            "1.23 s",
            "-",
            "88 ms",
            "88 ms",
            "88 ms",
            "7,000",
            "595",
            "25,021",
            "24,000",
            "NO");
  }
}
