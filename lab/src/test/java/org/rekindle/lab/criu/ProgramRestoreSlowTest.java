package org.rekindle.lab.criu;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rekindle.guest.criu.CriuGuest;
import org.rekindle.guest.criu.CriuImport;
import org.rekindle.guest.criu.LazyPagesSocket;
import org.rekindle.guest.uffd.OnFailure;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Recording;
import org.rekindle.restore.Restore;
import org.rekindle.restore.Strategy;

/**
 * Real programs, dumped in the middle of their work and restored while clients ask them: every
 * answer is right, during the restore and after it.
 */
@Tag("slow")
class ProgramRestoreSlowTest {
  private static final long SECOND_NS = 1_000_000_000;

  @TempDir private Path work;

  static Stream<Program> programs() {
    return Stream.of(new RedisProgram(64), new HeapProgram(64));
  }

  @ParameterizedTest
  @MethodSource("programs")
  void everyAnswerIsRightWhileMemoryComesAndAfterwards(Program program) throws Exception {
    CriuDump dump;
    try (Sandbox sandbox = Sandbox.start(Debian13.folder(), work)) {
      int pid = program.start(sandbox, work);
      try (Load load = Load.start(program, work, Load.Pace.DEFAULT, 1)) {
        load.awaitMore(2000);
      }
      dump = CriuDump.make(sandbox, "criu", work, pid);
    }
    Path directory = work.resolve("program.rekindle");
    try (CriuImport imported =
        new CriuImport(dump.images(), directory, ImageWriter.Options.DEFAULT, (_, _) -> {})) {
      imported.run();
    }
    try (Image image = Image.open(directory)) {
      Outcome seen = restored(program, dump, image, Strategy.recording(image, SECOND_NS));
      Image.attach(directory, Recording.profile(seen, SECOND_NS));
    }
    for (Strategy strategy : Strategy.values()) {
      try (Image image = Image.open(directory)) {
        Plan plan =
            strategy.plan(
                image,
                new Strategy.Options(20_000, Strategy.Options.DEFAULT.prefetchBudgetPages()));
        Outcome outcome = restored(program, dump, image, plan);
        assertThat(outcome.tally().placed()).isEqualTo(image.memory().pages());
        assertThat(outcome.faults().size()).isPositive();
      }
    }
  }

  private static Outcome restored(Program program, CriuDump dump, Image image, Plan plan)
      throws Exception {
    try (Sandbox sandbox = Sandbox.start(Debian13.folder(), dump.work());
        LazyPagesSocket socket = LazyPagesSocket.listen(dump.socket(), image)) {
      Process criu = dump.startRestore(sandbox, "--lazy-pages");
      Outcome outcome;
      try (Load load = Load.start(program, dump.work(), Load.Pace.DEFAULT, 2)) {
        try (CriuGuest guest = socket.accept(OnFailure.KILL)) {
          outcome = new Restore(image, guest, plan).run();
        }
        dump.awaitRestored(criu);
        load.awaitMore(500);
      }
      program.checkAll(dump.work());
      return outcome;
    }
  }
}
