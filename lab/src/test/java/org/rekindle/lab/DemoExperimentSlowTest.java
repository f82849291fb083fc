package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rekindle.restore.Strategy;

/** The whole demo, with a small guest. */
@Tag("slow")
class DemoExperimentSlowTest {
  /** The paper's slow fill would take 12 s for each strategy that has it. */
  private static final Strategy.Options FAST_FILL =
      new Strategy.Options(8 * Strategy.PAPER_FILL_PAGES_PER_SECOND, Integer.MAX_VALUE);

  @TempDir Path out;

  private List<RunResult> run(DemoExperiment.Narrator narrator) throws IOException {
    return new DemoExperiment(
            new DemoExperiment.Settings(
                DemoMachine.small(SlowTests.kit()),
                out,
                DiskThrottle.Limits.DISK,
                FAST_FILL,
                "test"),
            narrator)
        .run();
  }

  /** Listens, and interrupts the experiment when it begins a step. */
  private record Interrupting(String step) implements DemoExperiment.Narrator {
    @Override
    public void say(String line) {
      System.err.println(line);
      if (line.startsWith(step)) {
        Thread.currentThread().interrupt();
      }
    }

    @Override
    public void progress(String what, long doneBytes, long totalBytes) {}
  }

  @AfterEach
  void nothingOfItRuns() throws IOException {
    assertThat(Thread.interrupted()).isFalse();
    assertThat(Files.readString(Path.of("/proc/self/cgroup"))).doesNotContain("rekindle-");
    assertThat(
            ProcessHandle.current()
                .descendants()
                .filter(ProcessHandle::isAlive)
                .map(child -> child.info().commandLine().orElse(""))
                .filter(command -> command.contains("-nodefaults")))
        .isEmpty();
  }

  @Test
  void everyStrategyIsMeasuredAndOnlyResultsAreLeft() throws IOException {
    List<RunResult> runs = run(new Interrupting("never"));
    System.err.println(RunTable.of(runs));
    assertThat(runs)
        .extracting(run -> run.condition().strategy())
        .containsExactly("stock QEMU", "eager", "lazy", "working-set", "adaptive");
    for (RunResult run : runs) {
      assertThat(run.evidence().memoryIdentical()).as(run.condition().strategy()).isTrue();
      assertThat(run.progress().firstInstructionMs()).isPositive();
      assertThat(run.progress().firstHeartbeatMs())
          .isGreaterThanOrEqualTo(run.progress().firstInstructionMs());
    }
    assertThat(Results.read(out.resolve("results.json")).runs()).hasSameSizeAs(runs);
    for (RunResult run : runs.subList(1, runs.size())) {
      String log = run.evidence().faultLog();
      assertThat(log).isNotNull();
      long demanded =
          FaultLogCsv.read(out.resolve(log)).stream()
              .filter(row -> row.cause() != FaultRow.Cause.LATE)
              .count();
      assertThat(run.paging().demandFaults()).isEqualTo(demanded);
    }
    try (Stream<Path> files = Files.list(out)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder(
              "results.json",
              "faults-eager.csv",
              "faults-lazy.csv",
              "faults-working-set.csv",
              "faults-adaptive.csv");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "booting",
        "waiting for its steady state",
        "saving it as stock QEMU",
        "saving it as a Rekindle image",
        "recording which pages",
        "restoring, stock QEMU",
        "restoring, adaptive"
      })
  void anInterruptAtAnyStepLeavesNothingBehind(String step) throws IOException {
    assertThatThrownBy(() -> run(new Interrupting(step))).isInstanceOf(IOException.class);
    assertThat(Thread.interrupted()).as("the interrupt is passed on").isTrue();
    assertThat(out).isEmptyDirectory();
  }
}
