package org.rekindle.lab.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.lab.DemoProcess;
import org.rekindle.lab.FaultLogCsv;
import org.rekindle.lab.HandlerInC;
import org.rekindle.lab.MeasuredRun;
import org.rekindle.lab.Narrator;
import org.rekindle.lab.RunResult;
import org.rekindle.lab.SavedSubject;
import org.rekindle.restore.Strategy;

@Tag("slow")
class BenchSlowTest {
  @TempDir Path out;

  /** Listens, and interrupts the benchmark when it begins a step. */
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
                .filter(command -> command.contains("GuestProgram")))
        .isEmpty();
  }

  private BenchFindings run(int rounds, Narrator narrator, String... only) throws IOException {
    BenchGuest guest =
        new BenchGuest("small", DemoProcess.small(), new Strategy.Options(8192, Integer.MAX_VALUE));
    return new Bench(
            new Bench.Settings(
                out,
                List.of(guest),
                List.of(StorageCondition.OBJECT),
                rounds,
                true,
                List.of(only),
                "test"),
            narrator)
        .run();
  }

  @Test
  void onlyThoseWhoAreNamedTakePart() throws IOException {
    BenchFindings findings = run(1, new Interrupting("nothing"), "EAGER", "adaptive, no");
    assertThat(findings.comparisons().getFirst().strategies())
        .containsExactlyInAnyOrder("eager", "adaptive, no profile", OracleRun.NAME);
    assertThat(findings.growth()).isEmpty();
    assertThat(findings.waves()).isEmpty();
    assertThatThrownBy(() -> run(1, new Interrupting("nothing"), "eagre"))
        .hasMessageContaining("eagre")
        .hasMessageContaining("eager; lazy");
  }

  @Test
  void whatAnInterruptionHasLeftIsGoneOnWithAndEveryoneIsMeasured() throws IOException {
    assertThatThrownBy(() -> run(1, new Interrupting("round 1, lazy")))
        .isInstanceOf(IOException.class);
    assertThat(Thread.interrupted()).isTrue();
    long measuredBefore = lines(out.resolve("small/object/results.json"), "\"strategy\"");
    assertThat(measuredBefore).isPositive();

    BenchFindings findings = run(1, new Interrupting("booting"));
    assertThat(findings.comparisons()).hasSize(1);
    Comparison comparison = findings.comparisons().getFirst();
    assertThat(comparison.rounds()).isEqualTo(1);
    assertThat(comparison.rivals())
        .containsExactlyInAnyOrder(
            "postcopy, linear", "REAP's order", "FaaSnap's order", "eager", "lazy", "working-set");
    assertThat(comparison.robustness()).hasSize(5);
    assertThat(comparison.runs())
        .filteredOn(run -> !run.condition().strategy().equals(OracleRun.NAME))
        .allMatch(run -> Boolean.TRUE.equals(run.evidence().memoryIdentical()));
    assertThat(comparison.device().readMs()).isGreaterThan(20);
    assertThat(out.resolve("small/saved")).doesNotExist();

    Path page = out.resolve("bench.md");
    BenchReport.write(findings, page);
    assertThat(page).content().contains("adaptive", "oracle", "bench-small-object.svg");
    assertThat(out.resolve("bench-small-object.svg")).exists();
  }

  @Test
  void guestsThatComeBackAtOnceAllHaveTheirMemory() throws IOException {
    SavedSubject saved = new GuestFiles(out).saved(DemoProcess.small(), new Interrupting("never"));
    Strategy.Options options = new Strategy.Options(8192, Integer.MAX_VALUE);
    Wave wave = new Crowd(saved, StorageCondition.RAW, options).restore(3, 1, null);
    assertThat(wave.identical()).isEqualTo(3);
    assertThat(wave.ttrMs()).hasSize(3).allMatch(ttrMs -> ttrMs > 0 && ttrMs <= wave.allInMs());
    assertThat(wave.placedBytesPerSecond()).isPositive();
    assertThat(Wave.fromMap(wave.toMap())).isEqualTo(wave);
  }

  @Test
  void theHandlerInCBringsTheSameGuestBackAndTellsEachFault() throws IOException {
    assumeTrue(HandlerInC.isAvailable(), "no gcc here: apt install gcc");
    SavedSubject saved = new GuestFiles(out).saved(DemoProcess.small(), new Interrupting("never"));
    MeasuredRun run =
        new MeasuredRun(
            saved,
            new MeasuredRun.Conditions("test", MeasuredRun.Cache.COLD, 0, 1, null),
            out,
            (_, _) -> {});
    RunResult result =
        run.restoreByHandler(
            "in C",
            HandlerInC.compile(out).orElseThrow(),
            new ImageLayouts(saved.image()).memory());
    assertThat(result.evidence().memoryIdentical()).isTrue();
    assertThat(result.paging().demandFaults()).isPositive();
    assertThat(FaultLogCsv.read(out.resolve("faults-in-c.csv")))
        .hasSize(Objects.requireNonNull(result.paging().demandFaults()).intValue());
  }

  private static long lines(Path file, String containing) throws IOException {
    try (Stream<String> lines = Files.lines(file)) {
      return lines.filter(line -> line.contains(containing)).count();
    }
  }
}
