package org.rekindle.guest.firecracker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.guest.SaveException;
import org.rekindle.guest.SaveException.GuestState;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;

@Timeout(60)
class FirecrackerSaveTest {
  @TempDir Path directory;
  private Path images;
  private FakeFirecracker firecracker;
  private final List<String> news = Collections.synchronizedList(new ArrayList<>());

  @BeforeEach
  void start() throws IOException {
    images = Files.createDirectory(directory.resolve("images"));
    firecracker = new FakeFirecracker(directory);
  }

  @AfterEach
  void end() throws IOException {
    firecracker.close();
  }

  private FirecrackerSave save(FirecrackerSave.Then then) {
    return save(then, Jail.NONE);
  }

  private FirecrackerSave save(FirecrackerSave.Then then, Jail jail) {
    return new FirecrackerSave(
        firecracker.socket(),
        jail,
        images.resolve("image"),
        ImageWriter.Options.DEFAULT,
        then,
        news::add,
        (_, _) -> {});
  }

  private SaveException assertFails(FirecrackerSave.Then then, GuestState guest)
      throws IOException {
    try (FirecrackerSave save = save(then)) {
      save.run();
      throw new AssertionError("the save did not fail");
    } catch (SaveException failed) {
      assertThat(failed.guest()).isEqualTo(guest);
      assertThat(images).isEmptyDirectory();
      return failed;
    }
  }

  @Test
  void guestIsSavedAndRunsOn() throws Exception {
    try (FirecrackerSave save = save(FirecrackerSave.Then.RESUME)) {
      FirecrackerSaveResult saved = save.run();
      assertThat(saved.guestRuns()).isTrue();
      assertThat(saved.stopNs()).isPositive().isLessThan(saved.elapsedNs());
      assertThat(saved.image().guestPages()).isEqualTo(8);
      assertThat(saved.image().zeroPages()).isEqualTo(5);
      assertThat(saved.image().machine()).isEqualTo(new SavedMicrovm("x86_64", "11.0.0", "1.16.1"));
    }
    assertThat(firecracker.state).isEqualTo("Running");
    assertThat(firecracker.requests)
        .containsExactly(
            "GET /", "GET /vm/config", "PATCH /vm", "PUT /snapshot/create", "PATCH /vm");
    assertThat(news)
        .singleElement()
        .asString()
        .startsWith("Firecracker writes 1 MiB of memory to " + images);
    try (Image image = Image.open(images.resolve("image"))) {
      assertThat(image.deviceState()).isEqualTo(firecracker.stateFile);
    }
    assertThat(images).isDirectoryNotContaining("glob:**snapshot**");
  }

  @Test
  void guestMayStayPausedAndOneThatWasPausedStaysSo() throws Exception {
    try (FirecrackerSave save = save(FirecrackerSave.Then.STAY_PAUSED)) {
      assertThat(save.run().guestRuns()).isFalse();
    }
    assertThat(firecracker.state).isEqualTo("Paused");
    Path second = images.resolve("second");
    try (FirecrackerSave save =
        new FirecrackerSave(
            firecracker.socket(),
            Jail.NONE,
            second,
            ImageWriter.Options.DEFAULT,
            FirecrackerSave.Then.RESUME,
            news::add,
            (_, _) -> {})) {
      FirecrackerSaveResult saved = save.run();
      assertThat(saved.guestRuns()).isFalse();
      assertThat(saved.stopNs()).isZero();
    }
    assertThat(firecracker.state).isEqualTo("Paused");
    assertThat(Collections.frequency(firecracker.requests, "PATCH /vm")).isEqualTo(1);
  }

  @Test
  void filesGoThroughTheJail() throws Exception {
    Path root = Files.createDirectory(directory.resolve("root"));
    firecracker.answers = Map.of("PUT /snapshot/create", FakeFirecracker.answer("400 ", "{}"));
    try (FirecrackerSave save = save(FirecrackerSave.Then.RESUME, new Jail(root))) {
      assertThatThrownBy(save::run).isInstanceOf(SaveException.class);
    }
    assertThat(firecracker.bodies.get("PUT /snapshot/create"))
        .containsPattern("\"mem_file_path\":\"/[^/]+/memory\"")
        .containsPattern("\"snapshot_path\":\"/[^/]+/vmstate\"");
    assertThat(root).isEmptyDirectory();
    assertThat(images).isEmptyDirectory();
  }

  @Test
  void jailSeesItselfOnly() throws Exception {
    Jail jail = new Jail(Path.of("/srv/jailer/firecracker/x/root"));
    assertThat(jail.seen(Path.of("/srv/jailer/firecracker/x/root/run/u.sock")))
        .isEqualTo("/run/u.sock");
    for (String outside : List.of("/run/u.sock", "/srv/jailer/firecracker/x/root/../u.sock")) {
      assertThatThrownBy(() -> jail.seen(Path.of(outside)))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("outside of its jail");
    }
    assertThat(Jail.NONE.seen(Path.of("/run/./u.sock"))).isEqualTo("/run/u.sock");
    assertThat(Jail.NONE.seen(Path.of("u.sock")))
        .isEqualTo(Path.of("").toAbsolutePath() + "/u.sock");
  }

  @Test
  void refusedSnapshotIsToldAndTheGuestRunsOn() throws Exception {
    firecracker.refused = Map.of("PUT /snapshot/create", "Cannot write memory file: no space");
    assertThat(assertFails(FirecrackerSave.Then.STAY_PAUSED, GuestState.RUNS))
        .hasMessage(
            "not saved: Firecracker refused PUT /snapshot/create: Cannot write memory file: no"
                + " space (the guest runs)");
    assertThat(firecracker.state).isEqualTo("Running");
  }

  @Test
  void damagedSnapshotMakesNoImageAndTheGuestRunsOn() throws Exception {
    firecracker.stateFile[60] ^= 1;
    assertThat(assertFails(FirecrackerSave.Then.RESUME, GuestState.RUNS))
        .hasMessageContaining("CRC64");
    assertThat(firecracker.state).isEqualTo("Running");
  }

  @Test
  void guestThatCannotBeResumedIsReported() throws Exception {
    firecracker.refused =
        Map.of("PUT /snapshot/create", "no", "PATCH /vm", "The microVM is in a bad mood");
    firecracker.state = "Running";
    try (FirecrackerSave save = save(FirecrackerSave.Then.RESUME)) {
      assertThatThrownBy(save::run)
          .isInstanceOf(SaveException.class)
          .hasMessageContaining("bad mood")
          .hasMessageContaining("STOPPED and could not be resumed; PATCH /vm");
    }
  }

  @Test
  void firecrackerThatDiesIsReported() throws Exception {
    firecracker.answers = Map.of("PUT /snapshot/create", "", "PATCH /vm", "");
    assertThat(assertFails(FirecrackerSave.Then.RESUME, GuestState.UNKNOWN))
        .hasMessageContaining("Firecracker does not answer");
  }

  @Test
  void whatIsWrongFromTheStartIsSaidBeforeTheGuestIsTouched() throws Exception {
    Files.createDirectory(images.resolve("image"));
    try (FirecrackerSave save = save(FirecrackerSave.Then.RESUME)) {
      assertThatThrownBy(save::run).isInstanceOf(FileAlreadyExistsException.class);
    }
    Files.delete(images.resolve("image"));
    firecracker.state = "Not started";
    try (FirecrackerSave save = save(FirecrackerSave.Then.RESUME)) {
      assertThatThrownBy(save::run).hasMessageContaining("has not started a guest yet");
    }
    firecracker.state = "Running";
    firecracker.answers =
        Map.of(
            "GET /vm/config",
            FakeFirecracker.answer(
                "200 ", "{\"machine-config\": {\"mem_size_mib\": 4398046511104}}"));
    try (FirecrackerSave save = save(FirecrackerSave.Then.RESUME)) {
      assertThatThrownBy(save::run)
          .hasMessageContaining("too little disk space: Firecracker writes 4398046511104 MiB");
    }
    assertThat(firecracker.requests).doesNotContain("PATCH /vm");
    assertThat(images).isEmptyDirectory();
  }

  @Test
  void cancelledSaveWaitsForFirecrackerAndTheGuestRunsOn() throws Exception {
    firecracker.hangsAt = "PUT /snapshot/create";
    try (FirecrackerSave save = save(FirecrackerSave.Then.STAY_PAUSED)) {
      Thread canceller =
          new Thread(() -> {
            while (!firecracker.requests.contains("PUT /snapshot/create")) {
              Thread.onSpinWait();
            }
            close(save);
          });
      canceller.start();
      Thread releaser =
          new Thread(() -> {
            while (news.size() < 2) { // it says that it waits
              Thread.onSpinWait();
            }
            firecracker.release();
          });
      releaser.start();
      assertThatThrownBy(save::run)
          .isInstanceOf(SaveException.class)
          .hasMessage("not saved: cancelled (the guest runs)");
      canceller.join();
      releaser.join();
    }
    assertThat(news.getLast()).startsWith("waiting for Firecracker to finish");
    assertThat(firecracker.state).isEqualTo("Running");
    assertThat(images).isEmptyDirectory();
  }

  private static void close(FirecrackerSave save) {
    save.close();
  }
}
