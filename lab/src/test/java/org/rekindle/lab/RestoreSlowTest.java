package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rekindle.guest.child.GuestConsole;
import org.rekindle.guest.qemu.QemuIncoming;
import org.rekindle.guest.qemu.QemuSave;
import org.rekindle.guest.qemu.SaveResult;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Recording;
import org.rekindle.restore.Restore;
import org.rekindle.restore.RestoreThread;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Profile;

/**
 * Real machines, saved and brought back by every strategy: the nonce says that it is the same
 * machine, the checksum and the page-by-page comparison that it has the same memory, the heartbeat
 * and the devices that it lives.
 */
@Tag("slow")
class RestoreSlowTest {
  private static final Duration PATIENCE = Duration.ofMinutes(3);
  private static final Image.Progress SILENT = (_, _) -> {};
  private static final long RECORDING_NS = 3_000_000_000L;

  /** The paper's slow fill would take 12 s for each of these small guests. */
  private static final Strategy.Options FAST_FILL =
      new Strategy.Options(64 * Strategy.PAPER_FILL_PAGES_PER_SECOND / 8, Integer.MAX_VALUE);

  private record Identity(String nonce, String sum) {
    static Identity of(GuestConsole console) throws IOException {
      return new Identity(console.nonce(), console.sum());
    }
  }

  @TempDir Path directory;

  /** Where sockets and logs of the machines of this test are. */
  private final List<Path> folders = new ArrayList<>();

  @AfterEach
  void nothingIsLeftBehind() {
    assertThat(folders).noneMatch(Files::exists);
    assertThat(
            ProcessHandle.current()
                .descendants()
                .map(child -> child.info().commandLine().orElse(""))
                .filter(
                    command -> folders.stream().anyMatch(at -> command.contains(at.toString()))))
        .isEmpty();
  }

  private RunningMachine started(RunningMachine machine) {
    folders.add(machine.qmp().getParent());
    return machine;
  }

  private RestoredMachine started(RestoredMachine machine) {
    folders.add(machine.qemu().directory());
    return machine;
  }

  @ParameterizedTest(name = "{0}, {1} vCPU, {2}")
  @CsvSource({
    "pc, 1, ANONYMOUS",
    "pc, 1, MEMFD",
    "pc, 2, ANONYMOUS",
    "pc, 2, MEMFD",
    "q35, 1, ANONYMOUS",
    "q35, 1, MEMFD",
    "q35, 2, ANONYMOUS",
    "q35, 2, MEMFD"
  })
  void everyStrategyBringsTheSameMachineBack(String type, int vcpus, DemoMachine.Backing backing)
      throws IOException {
    everyStrategyBringsBack(machine(SlowTests.kit(), type, vcpus, backing));
  }

  @ParameterizedTest(name = "QEMU 10, {0}, {1} vCPU, {2}")
  @CsvSource({"pc, 1, ANONYMOUS", "q35, 2, MEMFD"})
  void everyStrategyBringsTheSameMachineBackOnQemu10(
      String type, int vcpus, DemoMachine.Backing backing) throws IOException {
    String qemu10 = System.getenv("REKINDLE_QEMU10");
    Assumptions.assumeTrue(qemu10 != null, "no QEMU 10: ./check makes one available as root");
    GuestKit kit = SlowTests.kit();
    everyStrategyBringsBack(
        machine(
            new GuestKit(Path.of(qemu10), kit.kernel(), kit.initramfs()), type, vcpus, backing));
  }

  private DemoMachine machine(GuestKit kit, String type, int vcpus, DemoMachine.Backing backing)
      throws IOException {
    Path disk = directory.resolve("disk");
    Files.write(disk, Arrays.copyOf("marked\n".getBytes(StandardCharsets.US_ASCII), 1 << 20));
    return new DemoMachine(
        kit,
        type,
        vcpus,
        192,
        backing,
        Optional.of(disk),
        WorkloadParameters.SMALL.withThreads(vcpus));
  }

  private void everyStrategyBringsBack(DemoMachine machine) throws IOException {
    Path directory = this.directory.resolve("image");
    Identity saved = save(machine, directory);
    Image.attach(directory, record(machine, directory));
    for (Strategy strategy : Strategy.values()) {
      assertRunsOn(machine, directory, strategy, saved);
      assertHasTheMemoryOfTheImage(machine, directory, strategy, saved);
    }
  }

  private Identity save(DemoMachine machine, Path directory) throws IOException {
    try (RunningMachine running = started(machine.start())) {
      GuestConsole console = running.console();
      console.awaitBeats(machine.workload().beatsPerPass(), PATIENCE);
      Identity identity = Identity.of(console);
      try (QemuSave save =
          new QemuSave(
              running.qmp(), directory, ImageWriter.Options.DEFAULT, QemuSave.Then.QUIT, SILENT)) {
        SaveResult result = save.run();
        assertThat(result.imageBytes()).isLessThan(result.streamBytes());
        assertThat(result.warnings()).isEmpty();
      }
      return identity;
    }
  }

  private Profile record(DemoMachine machine, Path directory) throws IOException {
    try (Image image = Image.open(directory);
        RestoredMachine clone = started(RestoredMachine.start(machine, Subject.Purpose.CLONE))) {
      QemuIncoming incoming = clone.connectQemu(image);
      Outcome outcome =
          RestoreThread.run(
              new Restore(image, incoming.guest(), Strategy.recording(image)),
              RECORDING_NS,
              0,
              SILENT);
      Profile profile = Recording.profile(outcome);
      assertThat(profile.size()).isGreaterThan(machine.workload().setMiB() * 256 * 9 / 10);
      return profile;
    }
  }

  private void assertRunsOn(DemoMachine machine, Path directory, Strategy strategy, Identity saved)
      throws IOException {
    try (Image image = Image.open(directory);
        RestoredMachine restored = started(RestoredMachine.start(machine, Subject.Purpose.RUN))) {
      QemuIncoming incoming = restored.connectQemu(image);
      Outcome outcome =
          incoming.settled(
              RestoreThread.run(
                  new Restore(image, incoming.guest(), strategy.plan(image, FAST_FILL)),
                  Long.MAX_VALUE,
                  0,
                  SILENT));
      assertThat(outcome.firstInstructionNs()).as(strategy.label()).isPositive();
      GuestConsole console = restored.console();
      assertThat(Identity.of(console)).as(strategy.label()).isEqualTo(saved);
      List<GuestConsole.Beat> beats = console.beats();
      int period = machine.workload().beatsPerPass();
      console.awaitBeats(beats.size() + period, PATIENCE);
      // Beats count on from before the save, and a pass later hash the same pages to the same.
      beats = console.beats();
      assertThat(beats.getFirst().number()).as(strategy.label()).isGreaterThan(period);
      assertThat(beats.get(period).number()).isEqualTo(beats.getFirst().number() + period);
      assertThat(beats.get(period).check()).isEqualTo(beats.getFirst().check());
      assertThat(console.command("sh grep -q marked /dev/vda", "exit ", PATIENCE)).isEqualTo("0");
      assertThat(console.command("sh ping -c 1 10.0.2.2", "exit ", PATIENCE)).isEqualTo("0");
    }
  }

  private void assertHasTheMemoryOfTheImage(
      DemoMachine machine, Path directory, Strategy strategy, Identity saved) throws IOException {
    try (Image image = Image.open(directory);
        RestoredMachine restored =
            started(RestoredMachine.start(machine, Subject.Purpose.STAY_PAUSED))) {
      QemuIncoming incoming = restored.connectQemu(image);
      RestoreThread.run(
          new Restore(image, incoming.guest(), strategy.plan(image, FAST_FILL)),
          Long.MAX_VALUE,
          0,
          SILENT);
      MemoryComparison comparison = restored.compare(image);
      assertThat(comparison.isIdentical()).as("%s: %s", strategy.label(), comparison).isTrue();
      assertThat(comparison.pages()).isEqualTo(image.memory().pages());
      incoming.resume();
      assertThat(Identity.of(restored.console())).isEqualTo(saved);
    }
  }
}
