package org.rekindle.lab.criu;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.rekindle.guest.criu.CriuGuest;
import org.rekindle.guest.criu.CriuImport;
import org.rekindle.guest.criu.CriuImportResult;
import org.rekindle.guest.criu.LazyPagesSocket;
import org.rekindle.guest.uffd.OnFailure;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.restore.Cause;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Recording;
import org.rekindle.restore.Restore;
import org.rekindle.restore.Strategy;

/**
 * A real tree of processes, dumped and restored by real CRIU, that forks, moves, gives back and
 * unmaps its memory while it comes in (tree.c); each process compares all of it.
 */
@Tag("slow")
class TreeRestoreSlowTest {
  /** 48 MiB for each of the three processes; not a multiple of anything that CRIU likes. */
  private static final int PAGES = 12_345;

  @TempDir private static Path work;
  private static CriuDump dump;
  private static Path image;

  @BeforeAll
  static void dumpAndImport() throws Exception {
    Path root = Debian13.folder();
    Debian13.compile("tree", work);
    try (Sandbox sandbox = Sandbox.start(root, work)) {
      int pid = sandbox.daemon("tree", "./tree", "" + PAGES, "result");
      sandbox.awaitFile("result.ready");
      dump = CriuDump.make(sandbox, "criu", work, pid);
    }
    image = work.resolve("tree.rekindle");
    try (CriuImport work =
        new CriuImport(dump.images(), image, ImageWriter.Options.DEFAULT, (_, _) -> {})) {
      CriuImportResult imported = work.run();
      assertThat(imported.processes()).isEqualTo(3);
      assertThat(imported.pages()).isGreaterThan(3 * PAGES);
    }
  }

  /**
   * Restores, has the tree do its work, and says how it went.
   *
   * @param atOnce whether it begins in the moment in which it runs, or when all memory is in
   */
  private static Outcome restored(Plan plan, Image opened, boolean atOnce) throws Exception {
    Path go = work.resolve("result.go");
    Files.deleteIfExists(go);
    Files.deleteIfExists(work.resolve("result"));
    if (atOnce) {
      Files.createFile(go);
    }
    try (Sandbox sandbox = Sandbox.start(Debian13.folder(), work);
        LazyPagesSocket socket = LazyPagesSocket.listen(dump.socket(), opened)) {
      Process criu = dump.startRestore(sandbox, "--lazy-pages");
      Outcome outcome;
      try (CriuGuest guest = socket.accept(OnFailure.KILL)) {
        outcome = new Restore(opened, guest, plan).run();
      }
      dump.awaitRestored(criu);
      if (!atOnce) {
        Files.createFile(go);
      }
      String end = "tail --pid=" + dump.pid() + " -f /dev/null; cat result || echo none";
      assertThat(sandbox.run("sh", "-c", end)).isEqualTo("ok");
      return outcome;
    }
  }

  @ParameterizedTest
  @EnumSource(Strategy.class)
  void everyProcessHasItsMemoryWhateverItDoesMeanwhile(Strategy strategy) throws Exception {
    try (Image opened = Image.open(image)) {
      if (opened.profile().isEmpty()) {
        record();
      }
    }
    try (Image opened = Image.open(image)) {
      Outcome outcome =
          restored(
              strategy.plan(opened, new Strategy.Options(20_000, Integer.MAX_VALUE)), opened, true);
      assertThat(outcome.tally().placed()).isEqualTo(opened.memory().pages());
      assertThat(outcome.faults().size()).isPositive();
      assertThat(outcome.firstInstructionNs()).isPositive();
    }
  }

  private static void record() throws Exception {
    try (Image opened = Image.open(image)) {
      Outcome outcome = restored(Strategy.recording(opened, 300_000_000), opened, true);
      Image.attach(image, Recording.profile(outcome));
    }
  }

  @Test
  void processesThatSleepGetAllTheirMemory() throws Exception {
    try (Image opened = Image.open(image)) {
      Outcome outcome =
          restored(Strategy.EAGER.plan(opened, Strategy.Options.DEFAULT), opened, false);
      assertThat(outcome.tally().placed()).isEqualTo(opened.memory().pages());
      assertThat(outcome.tally().placed(Cause.REMOVED)).isZero();
    }
  }
}
