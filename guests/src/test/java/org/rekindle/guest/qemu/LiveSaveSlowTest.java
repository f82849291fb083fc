package org.rekindle.guest.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.guest.SaveException;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;

/** Saves real machines while they write, against the exact truth of what they write. */
@Tag("slow")
@Timeout(180)
class LiveSaveSlowTest {
  /** The guest has written all its pages in a tenth of that on an idle machine. */
  private static final Duration WATCHED = Duration.ofSeconds(4);

  @TempDir Path directory;

  private QemuSave live(WritingGuest guest, String name, Image.Progress progress) {
    return QemuSave.live(
        guest.machine().monitor(),
        directory.resolve(name),
        ImageWriter.Options.DEFAULT,
        WATCHED,
        progress);
  }

  /** The first report of progress comes when memory is being sent, so after the instant. */
  private static Image.Progress onFirst(Runnable action) {
    AtomicBoolean first = new AtomicBoolean(true);
    return (_, _) -> {
      if (first.getAndSet(false)) {
        action.run();
      }
    };
  }

  private void assertLive(String qemu, String ramBlock, String... memory) throws Exception {
    try (WritingGuest guest = WritingGuest.start(qemu, directory, memory)) {
      Object capabilitiesBefore = capabilities(guest);
      Path still = directory.resolve("still");
      guest.save(still);
      SaveResult result;
      try (QemuSave save = live(guest, "live", onFirst(guest::go))) {
        result = save.run();
      }
      long beats = guest.beats();
      assertThat(beats).as("beats during the save").isPositive();
      assertThat(result.warnings()).isEmpty();
      assertThat(result.guestRuns()).isTrue();
      assertThat(result.elapsedNs()).isGreaterThan(WATCHED.toNanos() / 2);
      assertThat(result.stopNs()).isBetween(1L, result.elapsedNs() / 2);
      assertThat(guest.machine().status()).isEqualTo("running");
      assertThat(capabilities(guest)).isEqualTo(capabilitiesBefore);
      Images.assertSamePages(still, directory.resolve("live"));
      assertIsWhatTheGuestWrote(result.writes().orElseThrow(), ramBlock);
      guest.awaitBeats(2);
    }
  }

  /** Precision is 1 and the order that of the writes; most of them are seen. */
  private void assertIsWhatTheGuestWrote(Profile seen, String ramBlock) throws IOException {
    try (Image image = Image.open(directory.resolve("live"))) {
      assertThat(image.profile().orElseThrow().pages()).isEqualTo(seen.pages());
      assertThat(image.runs().runs()).hasSize(1);
      int ram = image.memory().indexOf(ramBlock);
      List<Integer> written =
          Arrays.stream(WritingGuest.writtenPages())
              .map(gpn -> image.memory().page(ram, gpn))
              .boxed()
              .toList();
      List<Integer> pages = Arrays.stream(seen.pages()).boxed().toList();
      assertThat(written).containsSubsequence(pages);
      double coverage = (double) seen.size() / written.size();
      assertThat(coverage).isGreaterThan(0.5);
      for (int rank = 0; rank < seen.size(); rank++) {
        assertThat(seen.access(rank)).isEqualTo(Access.WRITE);
      }
    }
  }

  private static Object capabilities(WritingGuest guest) throws IOException {
    try (Qmp qmp = guest.machine().connect()) {
      return qmp.executeForList("query-migrate-capabilities", Map.of());
    }
  }

  @Test
  void theImageIsOfTheInstantAndTheProfileIsWhatTheGuestWroteSince() throws Exception {
    assertLive(TestMachine.qemu7(), "pc.ram");
  }

  @Test
  void memoryThatIsSharedIsSavedAsWell() throws Exception {
    assertLive(TestMachine.qemu7(), "ram", WritingGuest.withMemory("memory-backend-memfd"));
  }

  @Test
  void soDoesQemu10() throws Exception {
    assertLive(TestMachine.qemu10(), "pc.ram");
  }

  @Test
  void memoryInAnOrdinaryFileIsRefusedAndTheGuestRunsOn() throws Exception {
    Path file = Files.createFile(directory.resolve("ram"));
    String backend = "memory-backend-file,mem-path=" + file;
    try (WritingGuest guest =
        WritingGuest.start(TestMachine.qemu7(), directory, WritingGuest.withMemory(backend))) {
      Object before = capabilities(guest);
      try (QemuSave save = live(guest, "live", (_, _) -> {})) {
        assertThatThrownBy(save::run)
            .hasMessageContaining("not compatible with guest memory configuration")
            .hasMessageContaining("anonymous, memfd or tmpfs");
      }
      assertThat(guest.machine().status()).isEqualTo("running");
      assertThat(capabilities(guest)).isEqualTo(before);
    }
  }

  @Test
  void cancelledSaveLeavesTheGuestWritingAndNothingBehind() throws Exception {
    assertCancelled(TestMachine.qemu7());
  }

  @Test
  void cancelledSaveOfQemu10DoesSo() throws Exception {
    assertCancelled(TestMachine.qemu10());
  }

  private void assertCancelled(String qemu) throws Exception {
    try (WritingGuest guest = WritingGuest.start(qemu, directory)) {
      Object before = capabilities(guest);
      CountDownLatch underWay = new CountDownLatch(1);
      guest.go();
      QemuSave save = live(guest, "live", (_, _) -> underWay.countDown());
      Thread canceller =
          Thread.ofVirtual()
              .start(() -> {
                try {
                  underWay.await();
                  save.close();
                } catch (InterruptedException interrupted) {
                  throw new IllegalStateException(interrupted);
                }
              });
      assertThatThrownBy(save::run)
          .isInstanceOfSatisfying(
              SaveException.class,
              failed -> assertThat(failed.guest()).isEqualTo(SaveException.GuestState.RUNS))
          .hasMessageContaining("cancelled");
      canceller.join();
      assertAsBefore(guest, before);
    }
  }

  @Test
  void saveThatCannotWriteItsImageLeavesTheGuestWritingAndNothingBehind() throws Exception {
    try (WritingGuest guest = WritingGuest.start(TestMachine.qemu7(), directory)) {
      Object before = capabilities(guest);
      guest.go();
      try (QemuSave save =
          live(
              guest,
              "live",
              onFirst(() -> {
                throw new IllegalStateException("no room");
              }))) {
        assertThatThrownBy(save::run).hasMessage("no room");
      }
      assertAsBefore(guest, before);
    }
  }

  private void assertAsBefore(WritingGuest guest, Object capabilitiesBefore) throws Exception {
    assertThat(guest.machine().status()).isEqualTo("running");
    guest.awaitBeats(40); // more writes than it has pages: none waits for ever
    assertThat(capabilities(guest)).isEqualTo(capabilitiesBefore);
    try (Stream<Path> left = Files.list(directory)) {
      assertThat(left.map(path -> path.getFileName().toString()))
          .noneMatch(name -> name.contains("live"));
    }
    try (QemuSave again = live(guest, "again", (_, _) -> {})) { // it can be saved afterwards
      assertThat(again.run().warnings()).isEmpty();
    }
  }

  @Test
  void qemuThatDiesInTheMiddleIsReported() throws Exception {
    try (WritingGuest guest = WritingGuest.start(TestMachine.qemu7(), directory);
        QemuSave save =
            live(guest, "live", onFirst(() -> guest.machine().process().destroyForcibly()))) {
      assertThatThrownBy(save::run)
          .isInstanceOfSatisfying(
              SaveException.class,
              failed -> assertThat(failed.guest()).isEqualTo(SaveException.GuestState.UNKNOWN));
      assertThat(directory.resolve("live")).doesNotExist();
    }
  }

  @Test
  void backgroundSnapshotInAFileOfStockQemuIsImported() throws Exception {
    try (WritingGuest guest = WritingGuest.start(TestMachine.qemu7(), directory)) {
      Path still = directory.resolve("still");
      guest.save(still);
      Path stream = directory.resolve("stream");
      guest.machine().migrate("exec:cat > " + stream, "background-snapshot");
      Path imported = directory.resolve("imported");
      try (QemuImport action =
          new QemuImport(stream, imported, ImageWriter.Options.DEFAULT, (_, _) -> {})) {
        action.run();
      }
      Images.assertSamePages(still, imported);
    }
  }
}
