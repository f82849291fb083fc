package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.rekindle.restore.Strategy;

/** The whole demo, with small guests. */
@Tag("slow")
class DemoExperimentSlowTest {
  /** The paper's slow fill would take 12 s for each strategy that has it. */
  private static final Strategy.Options FAST_FILL =
      new Strategy.Options(8 * Strategy.PAPER_FILL_PAGES_PER_SECOND, Integer.MAX_VALUE);

  @TempDir Path out;

  enum Guest {
    QEMU,
    PROCESS;

    Subject subject() {
      return switch (this) {
        case QEMU -> DemoMachine.small(SlowTests.kit());
        case PROCESS -> DemoProcess.small();
      };
    }
  }

  private List<RunResult> run(Subject subject, Narrator narrator) throws IOException {
    return new DemoExperiment(
            new DemoExperiment.Settings(subject, out, DiskThrottle.Limits.DISK, FAST_FILL, "test"),
            narrator)
        .run();
  }

  /** Listens, and interrupts the experiment when it begins a step. */
  private record Interrupting(String step) implements Narrator {
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
                .filter(
                    command -> command.contains("-nodefaults") || command.contains("GuestProgram")))
        .isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void everyStrategyIsMeasuredAndOnlyResultsAreLeft(Guest guest) throws IOException {
    Subject subject = guest.subject();
    List<RunResult> runs = run(subject, new Interrupting("never"));
    System.err.println(RunTable.of(runs));
    List<String> expected = new ArrayList<>(subject.rivals());
    expected.addAll(List.of("eager", "lazy", "working-set", "adaptive"));
    assertThat(runs).extracting(run -> run.condition().strategy()).isEqualTo(expected);
    for (RunResult run : runs) {
      assertThat(run.evidence().memoryIdentical()).as(run.condition().strategy()).isTrue();
      assertThat(run.progress().firstInstructionMs()).isPositive();
      assertThat(run.progress().firstHeartbeatMs())
          .isGreaterThanOrEqualTo(run.progress().firstInstructionMs());
    }
    assertThat(Results.read(out.resolve("results.json")).runs()).hasSameSizeAs(runs);
    for (RunResult run : runs.subList(runs.size() - 4, runs.size())) {
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
  @CsvSource({
    "QEMU, booting",
    "QEMU, waiting for its steady state",
    "QEMU, saving it as stock QEMU",
    "QEMU, saving it as a Rekindle image",
    "QEMU, recording which pages",
    "QEMU, 'restoring, stock QEMU'",
    "QEMU, 'restoring, adaptive'",
    "PROCESS, booting",
    "PROCESS, waiting for its steady state",
    "PROCESS, saving it as a Rekindle image",
    "PROCESS, recording which pages",
    "PROCESS, 'restoring, adaptive'"
  })
  void anInterruptAtAnyStepLeavesNothingBehind(Guest guest, String step) {
    assertThatThrownBy(() -> run(guest.subject(), new Interrupting(step)))
        .isInstanceOf(IOException.class);
    assertThat(Thread.interrupted()).as("the interrupt is passed on").isTrue();
    assertThat(out).isEmptyDirectory();
  }
}
