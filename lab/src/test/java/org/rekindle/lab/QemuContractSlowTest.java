package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.rekindle.guest.child.GuestConsole;
import org.rekindle.guest.qemu.QemuIncoming;
import org.rekindle.guest.qemu.QemuSave;
import org.rekindle.guest.qemu.SaveResult;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.restore.Outcome;

/**
 * Stock QEMU: the nonce says that it is the same machine, the checksum and the page-by-page
 * comparison that it has the same memory, the heartbeat and the devices that it lives.
 */
class QemuContractSlowTest extends GuestContract {
  private static final Duration PATIENCE = Duration.ofMinutes(3);
  private static final Image.Progress SILENT = (_, _) -> {};

  static Stream<GuestUnderTest> guests() {
    Stream<GuestUnderTest> stock =
        Stream.of("pc", "q35")
            .flatMap(type ->
                Stream.of(1, 2)
                    .flatMap(vcpus ->
                        Stream.of(DemoMachine.Backing.values())
                            .map(backing -> new Machine(type, vcpus, backing, false))));
    return Stream.concat(
        stock,
        Stream.of(
            new Machine("pc", 1, DemoMachine.Backing.ANONYMOUS, true),
            new Machine("q35", 2, DemoMachine.Backing.MEMFD, true)));
  }

  @Override
  GuestUnderTest plainest() {
    return guests().findFirst().orElseThrow();
  }

  private record Identity(String nonce, String sum) {
    static Identity of(GuestConsole console) throws IOException {
      return new Identity(console.nonce(), console.sum());
    }
  }

  private static final class Machine implements GuestUnderTest {
    private final String type;
    private final int vcpus;
    private final DemoMachine.Backing backing;
    private final boolean qemu10;
    private @Nullable DemoMachine machine;
    private @Nullable Identity saved;

    Machine(String type, int vcpus, DemoMachine.Backing backing, boolean qemu10) {
      this.type = type;
      this.vcpus = vcpus;
      this.backing = backing;
      this.qemu10 = qemu10;
    }

    @Override
    public String toString() {
      return "%sQEMU %s, %d vCPU, %s".formatted(qemu10 ? "10, " : "", type, vcpus, backing);
    }

    @Override
    public int workingSetPages() {
      return WorkloadParameters.SMALL.setMiB() * 256;
    }

    private static GuestKit kit(boolean qemu10) {
      GuestKit kit = SlowTests.kit();
      if (!qemu10) {
        return kit;
      }
      String named = System.getenv("REKINDLE_QEMU10");
      Assumptions.assumeTrue(named != null, "no QEMU 10: ./check makes one available as root");
      return new GuestKit(Path.of(named), kit.kernel(), kit.initramfs());
    }

    @Override
    public void save(Path image) throws IOException {
      Path disk = image.resolveSibling("disk");
      Files.write(disk, Arrays.copyOf("marked\n".getBytes(StandardCharsets.US_ASCII), 1 << 20));
      machine =
          new DemoMachine(
              kit(qemu10),
              type,
              vcpus,
              192,
              backing,
              Optional.of(disk),
              WorkloadParameters.SMALL.withThreads(vcpus));
      Path sockets;
      try (RunningMachine running = machine.start()) {
        sockets = running.qmp().getParent();
        GuestConsole console = running.console();
        console.awaitBeats(machine.workload().beatsPerPass(), PATIENCE);
        saved = Identity.of(console);
        try (QemuSave save =
            new QemuSave(
                running.qmp(), image, ImageWriter.Options.DEFAULT, QemuSave.Then.QUIT, SILENT)) {
          SaveResult result = save.run();
          assertThat(result.imageBytes()).isLessThan(result.streamBytes());
          assertThat(result.warnings()).isEmpty();
        }
      }
      assertThat(sockets).doesNotExist();
    }

    @Override
    public Restored start(Image image, Purpose purpose) throws IOException {
      DemoMachine known = Objects.requireNonNull(machine);
      RestoredMachine process =
          RestoredMachine.start(
              known,
              switch (purpose) {
                case RUN -> Subject.Purpose.RUN;
                case STILL -> Subject.Purpose.STAY_PAUSED;
                case WATCH -> Subject.Purpose.CLONE;
              });
      return new RestoredQemu(process, known, image, Objects.requireNonNull(saved), purpose);
    }
  }

  private static final class RestoredQemu implements GuestUnderTest.Restored {
    private final RestoredMachine machine;
    private final DemoMachine of;
    private final Image image;
    private final Identity saved;
    private final GuestUnderTest.Purpose purpose;
    private final ProcessHandle process;
    private @Nullable QemuIncoming incoming;

    RestoredQemu(
        RestoredMachine machine,
        DemoMachine of,
        Image image,
        Identity saved,
        GuestUnderTest.Purpose purpose) {
      this.machine = machine;
      this.of = of;
      this.image = image;
      this.saved = saved;
      this.purpose = purpose;
      this.process = ProcessHandle.of(machine.qemu().pid()).orElseThrow();
    }

    @Override
    public Outcome restore(GuestUnderTest.Restorer restorer) throws IOException {
      QemuIncoming connected = machine.connectQemu(image);
      incoming = connected;
      Outcome outcome = restorer.restore(connected.guest());
      return purpose == GuestUnderTest.Purpose.WATCH ? outcome : connected.settled(outcome);
    }

    @Override
    public void assertLives() throws IOException {
      GuestConsole console = machine.console();
      assertThat(Identity.of(console)).isEqualTo(saved);
      List<GuestConsole.Beat> beats = console.beats();
      int period = of.workload().beatsPerPass();
      console.awaitBeats(beats.size() + period, PATIENCE);
      // Beats count on from before the save, and a pass later hash the same pages to the same.
      beats = console.beats();
      assertThat(beats.getFirst().number()).isGreaterThan(period);
      assertThat(beats.get(period).number()).isEqualTo(beats.getFirst().number() + period);
      assertThat(beats.get(period).check()).isEqualTo(beats.getFirst().check());
      assertThat(console.command("sh grep -q marked /dev/vda", "exit ", PATIENCE)).isEqualTo("0");
      assertThat(console.command("sh ping -c 1 10.0.2.2", "exit ", PATIENCE)).isEqualTo("0");
    }

    @Override
    public void assertIdentical(Image restoredImage) throws IOException {
      MemoryComparison comparison = machine.compare(restoredImage);
      assertThat(comparison.isIdentical()).as("%s", comparison).isTrue();
      assertThat(comparison.pages()).isEqualTo(restoredImage.memory().pages());
      Objects.requireNonNull(incoming).resume();
      assertThat(Identity.of(machine.console())).isEqualTo(saved);
    }

    @Override
    public Optional<List<Integer>> faultedPages() {
      return Optional.empty();
    }

    @Override
    public void kill() {
      process.destroyForcibly();
    }

    @Override
    public List<ProcessHandle> processes() {
      return List.of(process);
    }

    @Override
    public List<Path> folders() {
      return machine.folders();
    }

    @Override
    public void close() throws IOException {
      machine.close();
    }
  }
}
