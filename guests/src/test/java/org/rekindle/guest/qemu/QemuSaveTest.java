package org.rekindle.guest.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.guest.SaveException;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;

@Timeout(60)
class QemuSaveTest {
  @TempDir Path directory;
  private Path images;
  private FakeQemu qemu;

  @BeforeEach
  void start() throws IOException {
    images = Files.createDirectory(directory.resolve("images"));
    qemu = new FakeQemu(directory);
  }

  @AfterEach
  void end() throws IOException {
    qemu.close();
  }

  private QemuSave save(QemuSave.Then then) {
    return new QemuSave(
        qemu.monitor(), images.resolve("image"), ImageWriter.Options.DEFAULT, then, (_, _) -> {});
  }

  private SaveException assertFails(QemuSave.Then then, SaveException.GuestState guest)
      throws IOException {
    try (QemuSave save = save(then)) {
      save.run();
      throw new AssertionError("the save did not fail");
    } catch (SaveException failed) {
      assertThat(failed.guest()).isEqualTo(guest);
      assertThat(images).isEmptyDirectory();
      return failed;
    }
  }

  @Test
  void imageIsMadeAndTheGuestIsResumedBeforeItIsDurable() throws Exception {
    try (QemuSave save = save(QemuSave.Then.RESUME)) {
      SaveResult result = save.run();
      assertThat(result.guestRuns()).isTrue();
      assertThat(result.guestPages()).isEqualTo(10);
      assertThat(result.zeroPages()).isEqualTo(6);
      assertThat(result.streamBytes()).isEqualTo(StreamBuilder.typical().length);
      assertThat(result.machine().qemuVersion()).isEqualTo("7.2.22 (Debian x)");
      // By QEMU's stamps: it says that it resumed 600 ms later than we could have seen.
      assertThat(result.stopNs()).isBetween(590_000_000L, result.elapsedNs() + 610_000_000L);
      assertThat(result.warnings()).isEmpty();
    }
    try (Image image = Image.open(images.resolve("image"));
        Stream<Path> files = Files.list(image.directory())) {
      assertThat(image.manifest().guest()).containsEntry("wasRunning", true);
      assertThat(files).isNotEmpty();
    }
    assertThat(qemu.commands)
        .containsSubsequence(
            "migrate-set-capabilities",
            "migrate-set-parameters",
            "stop",
            "migrate",
            "query-migrate",
            "cont",
            "migrate-set-capabilities",
            "migrate-set-parameters");
  }

  @Test
  void quitComesLast() throws Exception {
    try (QemuSave save = save(QemuSave.Then.QUIT)) {
      assertThat(save.run().guestRuns()).isFalse();
    }
    assertThat(qemu.commands.getLast()).isEqualTo("quit");
    assertThat(qemu.commands).doesNotContain("cont");
  }

  @Test
  void quittingMayBreakTheConnectionBeforeTheReply() throws Exception {
    qemu.breaksAt = "quit";
    try (QemuSave save = save(QemuSave.Then.QUIT)) {
      assertThat(save.run().warnings()).isEmpty();
    }
  }

  @Test
  void blockedMigrationIsReportedAndTheGuestGoesOn() throws Exception {
    qemu.refused = Map.of("migrate", "device vfio blocks it");
    assertThat(assertFails(QemuSave.Then.RESUME, SaveException.GuestState.RUNS))
        .hasMessageContaining("device vfio blocks it")
        .hasMessageContaining("the guest runs");
  }

  @Test
  void failureAfterAPartOfTheStreamIsToldInTheWordsOfQemu() throws Exception {
    qemu.stream = Arrays.copyOf(qemu.stream, 9000);
    qemu.outcome = "failed";
    assertThat(assertFails(QemuSave.Then.QUIT, SaveException.GuestState.RUNS))
        .hasMessageContaining("the reason");
    assertThat(qemu.commands).doesNotContain("quit");
  }

  @Test
  void migrationThatNeverConnectsIsNoticed() throws Exception {
    qemu.connects = false;
    qemu.outcome = "failed";
    assertThat(assertFails(QemuSave.Then.RESUME, SaveException.GuestState.RUNS))
        .hasMessageContaining("\"failed\": the reason");
  }

  @Test
  void damagedStreamIsReportedWithItsOffset() throws Exception {
    qemu.stream = Arrays.copyOf(qemu.stream, 9000);
    assertThat(assertFails(QemuSave.Then.RESUME, SaveException.GuestState.RUNS))
        .hasMessageContaining("the stream from QEMU, offset 9000");
  }

  @Test
  void guestThatCannotBeResumedIsReported() throws Exception {
    qemu.refused = Map.of("cont", "no");
    assertThat(assertFails(QemuSave.Then.RESUME, SaveException.GuestState.STANDS_STILL))
        .hasMessageContaining("STOPPED");
  }

  @Test
  void guestThatWasPausedStaysSo() throws Exception {
    qemu.status = "paused";
    qemu.refused = Map.of("migrate", "no");
    assertFails(QemuSave.Then.RESUME, SaveException.GuestState.STAYS_PAUSED);
    assertThat(qemu.commands).doesNotContain("stop", "cont");
  }

  @Test
  void lostMonitorIsConnectedAnewToLetTheGuestGoOn() throws Exception {
    qemu.breaksAt = "migrate";
    assertFails(QemuSave.Then.RESUME, SaveException.GuestState.RUNS);
    assertThat(qemu.status).isEqualTo("running");
  }

  @Test
  void cancelEndsAMigrationThatHangs() throws Exception {
    qemu.stream = Arrays.copyOf(qemu.stream, 9000);
    qemu.hangs = true;
    try (QemuSave save = save(QemuSave.Then.RESUME)) {
      Thread canceller =
          new Thread(() -> {
            while (!qemu.commands.contains("migrate")) {
              Thread.onSpinWait();
            }
            cancel(save);
          });
      canceller.start();
      assertThatThrownBy(save::run)
          .isInstanceOf(SaveException.class)
          .hasMessageContaining("cancel");
      canceller.join();
    }
    assertThat(images).isEmptyDirectory();
    assertThat(qemu.commands).contains("migrate_cancel");
    assertThat(qemu.status).isEqualTo("running");
  }

  private static void cancel(QemuSave save) {
    save.close();
  }

  @Test
  void interruptEndsASaveAndTheGuestGoesOn() throws Exception {
    qemu.stream = Arrays.copyOf(qemu.stream, 9000);
    qemu.hangs = true;
    Thread saving = Thread.currentThread();
    Thread interrupter =
        new Thread(() -> {
          while (!qemu.commands.contains("migrate")) {
            Thread.onSpinWait();
          }
          saving.interrupt();
        });
    interrupter.start();
    try (QemuSave save = save(QemuSave.Then.RESUME)) {
      assertThatThrownBy(save::run).isInstanceOf(SaveException.class);
      assertThat(Thread.interrupted()).isTrue();
    }
    assertThat(images).isEmptyDirectory();
    assertThat(qemu.status).isEqualTo("running");
  }

  @Test
  void whatIsWrongFromTheStartIsSaidBeforeTheGuestIsTouched() throws Exception {
    Files.createDirectory(images.resolve("image"));
    try (QemuSave save = save(QemuSave.Then.RESUME)) {
      assertThatThrownBy(save::run).isInstanceOf(FileAlreadyExistsException.class);
    }
    Files.delete(images.resolve("image"));
    qemu.colo = "true";
    try (QemuSave save = save(QemuSave.Then.RESUME)) {
      assertThatThrownBy(save::run).hasMessageContaining("x-colo");
    }
    qemu.colo = "false";
    qemu.migration = "active";
    try (QemuSave save = save(QemuSave.Then.RESUME)) {
      assertThatThrownBy(save::run).hasMessageContaining("under way");
    }
    qemu.migration = "none";
    for (String state : List.of("inmigrate", "io-error", "shutdown", "suspended")) {
      qemu.status = state;
      try (QemuSave save = save(QemuSave.Then.RESUME)) {
        assertThatThrownBy(save::run).hasMessageContaining("state \"" + state + "\"");
      }
    }
    assertThat(qemu.commands).doesNotContain("stop", "migrate-set-capabilities");
  }

  private QemuSave live() {
    return QemuSave.live(
        qemu.monitor(),
        images.resolve("image"),
        ImageWriter.Options.DEFAULT,
        Duration.ofSeconds(1),
        (_, _) -> {});
  }

  @Test
  void liveSaveIsRefusedByWhatCannotDoItBeforeAnythingIsChanged() throws Exception {
    try (QemuSave save = live()) {
      assertThatThrownBy(save::run).hasMessageContaining("no background-snapshot");
    }
    qemu.backgroundSnapshot = true;
    qemu.status = "paused";
    try (QemuSave save = live()) {
      assertThatThrownBy(save::run).hasMessageContaining("the guest is paused");
    }
    assertThat(qemu.commands).doesNotContain("migrate-set-capabilities", "migrate");
    qemu.status = "running";
    qemu.refused = Map.of("migrate-set-capabilities", "not supported by host kernel");
    try (QemuSave save = live()) {
      assertThatThrownBy(save::run)
          .hasMessageContaining("not supported by host kernel")
          .hasMessageContaining("userfaultfd");
    }
    assertThat(qemu.commands).doesNotContain("migrate");
  }

  @Test
  void blockedLiveSaveTakesItsSocketBack() throws Exception {
    qemu.backgroundSnapshot = true;
    qemu.refused = Map.of("migrate", "device vfio blocks it");
    try (QemuSave save = live()) {
      assertThatThrownBy(save::run)
          .isInstanceOf(SaveException.class)
          .hasMessageContaining("device vfio blocks it")
          .hasMessageContaining("the guest runs");
    }
    assertThat(qemu.commands)
        .containsSubsequence("getfd", "migrate", "closefd", "migrate-set-capabilities")
        .doesNotContain("stop");
    assertThat(images).isEmptyDirectory();
  }
}
