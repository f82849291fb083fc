package org.rekindle.guest.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.guest.SaveException;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageReader;

/** Saves and imports of real machines; their memory is known because it was loaded from a file. */
@Tag("slow")
@Timeout(120)
class QemuSaveSlowTest {
  private static final int LOADED_BYTES = 20 << 20;
  private static final int LOADED_ADDRESS = 16 << 20;

  @TempDir Path directory;

  /** 20 MiB: every fourth page random, the others zero or alike. */
  private String[] loaded(String machine, String... more) throws IOException {
    byte[] bytes = new byte[LOADED_BYTES];
    SplittableRandom random = new SplittableRandom(42);
    byte[] page = new byte[4096];
    for (int offset = 0; offset < LOADED_BYTES; offset += 4 * 4096) {
      random.nextBytes(page);
      System.arraycopy(page, 0, bytes, offset, 4096);
      Arrays.fill(bytes, offset + 4096, offset + 8192, (byte) 0x5a);
    }
    Path file = Files.write(directory.resolve("loaded"), bytes);
    Stream<String> arguments =
        Stream.of(
            "-machine",
            machine,
            "-m",
            "64",
            "-device",
            "loader,file=" + file + ",addr=" + LOADED_ADDRESS + ",force-raw=on");
    return Stream.concat(arguments, Stream.of(more)).toArray(String[]::new);
  }

  private QemuSave save(TestMachine machine, QemuSave.Then then) {
    return new QemuSave(
        machine.monitor(), image(), ImageWriter.Options.DEFAULT, then, (_, _) -> {});
  }

  private Path image() {
    return directory.resolve("image");
  }

  /** Compares all of the memory below 640 KiB and above 1 MiB with a dump by QEMU itself. */
  private void assertHoldsMemoryOf(TestMachine machine, Path imageDirectory) throws Exception {
    Path dump = directory.resolve("dump");
    try (Qmp qmp = machine.connect()) {
      qmp.execute("pmemsave", Map.of("val", 0, "size", 64 << 20, "filename", dump.toString()));
    }
    try (Image image = Image.open(imageDirectory);
        PageReader reader = image.newPageReader();
        Arena arena = Arena.ofConfined();
        RandomAccessFile memory = new RandomAccessFile(dump.toFile(), "r")) {
      int ram = image.memory().indexOf("pc.ram");
      assertThat(image.memory().region(ram).bytes()).isEqualTo(64 << 20);
      MemorySegment mine = arena.allocate(MemoryMap.PAGE_BYTES);
      byte[] theirs = new byte[MemoryMap.PAGE_BYTES];
      for (int gpn = 0; gpn < 64 << 8; gpn++) {
        memory.readFully(theirs);
        if (gpn < 0xa0 || gpn >= 0x100) { // between lie ROMs and devices
          reader.read(image.memory().page(ram, gpn), mine, 0);
          if (!Arrays.equals(mine.toArray(ValueLayout.JAVA_BYTE), theirs)) {
            throw new AssertionError("page " + gpn + " differs");
          }
        }
      }
    }
  }

  private ImportResult importFile(Path file, Path image) throws IOException {
    try (QemuImport action =
        new QemuImport(file, image, ImageWriter.Options.DEFAULT, (_, _) -> {})) {
      return action.run();
    }
  }

  @Test
  void savedMachineRunsOn() throws Exception {
    try (TestMachine machine = TestMachine.start(TestMachine.qemu7(), directory, loaded("q35"));
        QemuSave save = save(machine, QemuSave.Then.RESUME)) {
      SaveResult result = save.run();
      assertThat(result.guestRuns()).isTrue();
      assertThat(machine.status()).isEqualTo("running");
      assertThat(result.warnings()).isEmpty();
      assertThat(result.machine().wasRunning()).isTrue();
      assertThat(result.machine().qemuVersion()).startsWith("7.");
      assertThat(result.machine().machineType()).startsWith("pc-q35-");
      assertThat(result.stopNs()).isBetween(1L, result.elapsedNs());
      assertThat(result.guestPages() - result.zeroPages()).isBetween(2600, 4000);
    }
  }

  @Test
  void imageHoldsTheMemoryAndTheMachineStaysPausedIfAsked() throws Exception {
    for (String type : List.of("pc", "q35")) {
      Path imageOfType = directory.resolve("image-" + type);
      try (TestMachine machine = TestMachine.start(TestMachine.qemu7(), directory, loaded(type));
          QemuSave save =
              new QemuSave(
                  machine.monitor(),
                  imageOfType,
                  ImageWriter.Options.DEFAULT,
                  QemuSave.Then.STAY_PAUSED,
                  (_, _) -> {})) {
        SaveResult result = save.run();
        assertThat(result.guestRuns()).isFalse();
        assertThat(result.stopNs()).isPositive();
        assertThat(machine.status()).isEqualTo("postmigrate");
        assertHoldsMemoryOf(machine, imageOfType);
        try (QemuSave again = save(machine, QemuSave.Then.RESUME)) {
          assertThatThrownBy(again::run).hasMessageContaining("resume it first");
        }
      }
    }
  }

  @Test
  void pausedMachineStaysPaused() throws Exception {
    try (TestMachine machine =
            TestMachine.start(TestMachine.qemu7(), directory, loaded("q35", "-S"));
        QemuSave save = save(machine, QemuSave.Then.RESUME)) {
      SaveResult result = save.run();
      assertThat(result.guestRuns()).isFalse();
      assertThat(result.stopNs()).isZero();
      assertThat(result.machine().wasRunning()).isFalse();
      assertThat(machine.status()).isEqualTo("postmigrate");
      assertHoldsMemoryOf(machine, image());
    }
  }

  @Test
  void machineQuitsWhenAsked() throws Exception {
    try (TestMachine machine = TestMachine.start(TestMachine.qemu7(), directory, loaded("q35"));
        QemuSave save = save(machine, QemuSave.Then.QUIT)) {
      SaveResult result = save.run();
      assertThat(machine.process().waitFor(20, TimeUnit.SECONDS)).isTrue();
      assertThat(result.guestRuns()).isFalse();
      assertThat(result.stopNs()).isPositive();
      Image.open(image()).close();
    }
  }

  @Test
  void settingsAreAsBeforeAndTwoSavesFollowEachOther() throws Exception {
    try (TestMachine machine = TestMachine.start(TestMachine.qemu7(), directory, loaded("q35"))) {
      List<Map<String, Object>> capabilities = new ArrayList<>();
      for (String name : List.of("xbzrle", "return-path", "postcopy-ram")) {
        capabilities.add(Map.of("capability", name, "state", true));
      }
      Object capabilitiesBefore;
      Object parametersBefore;
      try (Qmp qmp = machine.connect()) {
        qmp.execute("migrate-set-capabilities", Map.of("capabilities", capabilities));
        qmp.execute("migrate-set-parameters", Map.of("max-bandwidth", 1_000_000));
        capabilitiesBefore = qmp.executeForList("query-migrate-capabilities", Map.of());
        parametersBefore = qmp.execute("query-migrate-parameters");
      }
      for (String name : List.of("first", "second")) {
        try (QemuSave save =
            new QemuSave(
                machine.monitor(),
                directory.resolve(name),
                ImageWriter.Options.DEFAULT,
                QemuSave.Then.RESUME,
                (_, _) -> {})) {
          assertThat(save.run().warnings()).isEmpty();
        }
      }
      try (Qmp qmp = machine.connect()) {
        assertThat(qmp.executeForList("query-migrate-capabilities", Map.of()))
            .isEqualTo(capabilitiesBefore);
        assertThat(qmp.execute("query-migrate-parameters")).isEqualTo(parametersBefore);
      }
    }
  }

  @Test
  void stockSaveOfTheSameMachineImportsToTheSamePages() throws Exception {
    Path stream = directory.resolve("stream");
    // Both machines stand at their first instruction, so their memory is the same.
    try (TestMachine machine =
        TestMachine.start(TestMachine.qemu7(), directory, loaded("q35", "-S"))) {
      machine.migrate("exec:cat > " + stream);
    }
    try (TestMachine machine =
            TestMachine.start(TestMachine.qemu7(), directory, loaded("q35", "-S"));
        QemuSave save = save(machine, QemuSave.Then.QUIT)) {
      save.run();
    }
    Path imported = directory.resolve("imported");
    ImportResult result = importFile(stream, imported);
    assertThat(result.machine().machineType()).startsWith("pc-q35-");
    assertThat(result.machine().wasRunning()).isFalse();
    Images.assertSamePages(image(), imported);
  }

  @Test
  void everyKindOfFileOfQemu10ImportsToTheSamePages() throws Exception {
    String qemu = TestMachine.qemu10();
    Map<String, List<String>> capabilities =
        Map.of(
            "exec:cat > ", List.of(),
            "file:", List.of(),
            "exec:zstd -q > ", List.of(),
            "file:mapped", List.of("mapped-ram"),
            "file:multifd", List.of("mapped-ram", "multifd"));
    Path reference = directory.resolve("reference");
    try (TestMachine machine = TestMachine.start(qemu, directory, loaded("q35", "-S"));
        QemuSave save =
            new QemuSave(
                machine.monitor(),
                reference,
                ImageWriter.Options.DEFAULT,
                QemuSave.Then.QUIT,
                (_, _) -> {})) {
      assertThat(save.run().machine().qemuVersion()).startsWith("10.");
    }
    for (Map.Entry<String, List<String>> kind : capabilities.entrySet()) {
      Path file = directory.resolve("stream" + kind.getValue().size() + kind.getKey().length());
      String uri = kind.getKey().startsWith("exec:") ? kind.getKey() + file : "file:" + file;
      try (TestMachine machine = TestMachine.start(qemu, directory, loaded("q35", "-S"))) {
        machine.migrate(uri, kind.getValue().toArray(String[]::new));
      }
      Path imported = directory.resolve("imported");
      ImportResult result = importFile(file, imported);
      assertThat(result.kind().contains("mapped-ram")).isEqualTo(!kind.getValue().isEmpty());
      Images.assertSamePages(reference, imported);
      delete(imported);
    }
  }

  @Test
  void cancelledSaveLeavesTheGuestRunningAndNothingBehind() throws Exception {
    try (TestMachine machine = TestMachine.start(TestMachine.qemu7(), directory, loaded("q35"))) {
      CountDownLatch underWay = new CountDownLatch(1);
      CountDownLatch cancelling = new CountDownLatch(1);
      QemuSave save =
          new QemuSave(
              machine.monitor(),
              image(),
              ImageWriter.Options.DEFAULT,
              QemuSave.Then.QUIT,
              (_, _) -> {
                underWay.countDown();
                try {
                  cancelling.await();
                } catch (InterruptedException interrupted) {
                  throw new IllegalStateException(interrupted);
                }
              });
      Thread closing = new Thread(save::close);
      Thread canceller =
          new Thread(() -> {
            try {
              underWay.await();
              closing.start();
              while (closing.getState() != Thread.State.TIMED_WAITING) {
                Thread.onSpinWait();
              }
            } catch (InterruptedException interrupted) {
              throw new IllegalStateException(interrupted);
            }
            cancelling.countDown();
          });
      canceller.start();
      assertThatThrownBy(save::run)
          .isInstanceOfSatisfying(
              SaveException.class,
              failed -> assertThat(failed.guest()).isEqualTo(SaveException.GuestState.RUNS))
          .hasMessageContaining("cancelled");
      canceller.join();
      closing.join();
      assertThat(machine.status()).isEqualTo("running");
      try (Stream<Path> left = Files.list(directory)) {
        assertThat(left.map(path -> path.getFileName().toString()))
            .noneMatch(name -> name.contains("image"));
      }
      // It can be saved afterwards.
      try (QemuSave again = save(machine, QemuSave.Then.QUIT)) {
        again.run();
      }
    }
  }

  @Test
  void deathOfQemuInTheMiddleIsReported() throws Exception {
    try (TestMachine machine = TestMachine.start(TestMachine.qemu7(), directory, loaded("q35"));
        QemuSave save =
            new QemuSave(
                machine.monitor(),
                image(),
                ImageWriter.Options.DEFAULT,
                QemuSave.Then.RESUME,
                (_, _) -> machine.process().destroyForcibly())) {
      assertThatThrownBy(save::run)
          .isInstanceOfSatisfying(
              SaveException.class,
              failed -> assertThat(failed.guest()).isEqualTo(SaveException.GuestState.UNKNOWN));
      assertThat(image()).doesNotExist();
    }
  }

  private static void delete(Path image) throws IOException {
    try (Stream<Path> files = Files.list(image)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(image);
  }
}
