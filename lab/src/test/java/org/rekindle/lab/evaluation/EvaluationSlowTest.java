package org.rekindle.lab.evaluation;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.lab.DemoMachine;
import org.rekindle.lab.DiskThrottle;
import org.rekindle.lab.GuestKit;
import org.rekindle.lab.Narrator;
import org.rekindle.lab.Results;
import org.rekindle.lab.RunResult;
import org.rekindle.lab.WorkloadParameters;

/** A whole evaluation, with one small guest. */
@Tag("slow")
class EvaluationSlowTest {
  @TempDir Path folder;

  /** Keeps what it is told. */
  private record Notes(List<String> lines) implements Narrator {
    @Override
    public void say(String line) {
      System.err.println(line);
      lines.add(line);
    }

    @Override
    public void progress(String what, long doneBytes, long totalBytes) {}

    long runs() {
      return lines.stream().filter(line -> line.contains(": restoring, ")).count();
    }
  }

  private String run(Notes notes) throws IOException {
    DemoMachine machine =
        new DemoMachine(
            GuestKit.provision(System.err::println),
            "pc",
            1,
            192,
            DemoMachine.Backing.MEMFD,
            Optional.empty(),
            WorkloadParameters.SMALL);
    EvaluatedGuest guest =
        new EvaluatedGuest(
            "small",
            "small guest",
            machine,
            "1",
            new EvaluatedGuest.Steps(1_000_000_000, 2, 4_000_000_000L, false));
    return new Evaluation(
            new Evaluation.Settings(
                List.of(guest), null, 1, folder.resolve("saved"), folder.resolve("out"), "test"),
            notes)
        .run();
  }

  @Test
  void everyWayToRestoreIsMeasuredOnceAndWhatIsThereIsNotMeasuredAgain() throws IOException {
    Assumptions.assumeTrue(canThrottle(), "the disk cannot be slowed down here");
    Notes notes = new Notes(new ArrayList<>());
    String tables = run(notes);
    List<RunResult> runs = Results.read(folder.resolve("out/results.json")).runs();
    assertThat(runs)
        .extracting(run -> run.condition().strategy())
        .containsExactlyElementsOf(Contender.STRATEGIES.stream().map(Contender::label).toList());
    assertThat(runs).allMatch(run -> run.progress().beatsMs().isEmpty());
    assertThat(Results.read(folder.resolve("out/runs/small/lazy-1/results.json")).runs())
        .allMatch(run -> !run.progress().beatsMs().isEmpty());
    assertThat(runs).allMatch(run -> Boolean.TRUE.equals(run.evidence().memoryIdentical()));
    assertThat(runs)
        .filteredOn(run -> run.condition().strategy().endsWith("trace"))
        .allSatisfy(run -> assertThat(run.paging().coverage()).isGreaterThan(0.5));
    assertThat(tables)
        .contains("## small guest", "Medians of the errors", "| access-bit | sweeps |");

    Path gone = folder.resolve("out/runs/small/lazy-1/results.json");
    Files.delete(gone);
    Notes again = new Notes(new ArrayList<>());
    run(again);
    assertThat(notes.runs()).isEqualTo(Contender.STRATEGIES.size());
    assertThat(again.runs()).isEqualTo(1);
    assertThat(gone).exists();
  }

  private boolean canThrottle() throws IOException {
    return switch (DiskThrottle.apply(folder, DiskThrottle.Limits.DISK)) {
      case DiskThrottle.Outcome.Throttled(DiskThrottle throttle) -> {
        throttle.close();
        yield true;
      }
      case DiskThrottle.Outcome.Unthrottled _ -> false;
    };
  }
}
