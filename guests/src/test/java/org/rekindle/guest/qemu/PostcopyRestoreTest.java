package org.rekindle.guest.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;

/**
 * Stock QEMU saves a machine and takes it in again from us, paused; then it saves once more, and
 * both streams must hold the same memory. The machine only has its firmware to run, and 24 MiB of
 * random data in memory.
 */
@Tag("slow")
@Timeout(120)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PostcopyRestoreTest {
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final int DATA_BYTES = 24 << 20;

  @TempDir static Path directory;

  private final long seed = System.nanoTime();
  private final Random random = new Random(seed);

  enum Backing {
    ANONYMOUS,
    MEMFD
  }

  record Machine(String qemu, String type, int vcpus, Backing backing) {
    List<String> command(String... more) {
      List<String> command =
          new ArrayList<>(List.of(qemu, "-accel", "tcg", "-m", "64", "-smp", "" + vcpus));
      command.addAll(List.of("-nodefaults", "-display", "none"));
      command.addAll(
          backing == Backing.ANONYMOUS
              ? List.of("-machine", type)
              : List.of(
                  "-machine",
                  type + ",memory-backend=ram",
                  "-object",
                  "memory-backend-memfd,id=ram,size=64M,share=on"));
      command.addAll(List.of("-device", "VGA", "-device", "virtio-rng-pci"));
      command.addAll(List.of("-device", "loader,force-raw=on,addr=0x1000000,file=" + data()));
      command.addAll(List.of(more));
      return command;
    }
  }

  private record Saved(SavedMachine machine, DeviceState devices, RecordingSink memory) {
    byte[] content() {
      byte[] content = new byte[(int) map().bytes()];
      memory.pages.forEach((page, bytes) -> System.arraycopy(bytes, 0, content, page * 4096, 4096));
      return content;
    }

    MemoryMap map() {
      return Objects.requireNonNull(memory.memory);
    }
  }

  private static Path data() {
    return directory.resolve("data");
  }

  @BeforeAll
  void fill() throws IOException {
    byte[] bytes = new byte[DATA_BYTES];
    random.nextBytes(bytes);
    Files.write(data(), bytes);
  }

  static Stream<Machine> machines() {
    List<Machine> machines = new ArrayList<>();
    for (String qemu : qemus()) {
      machines.add(new Machine(qemu, "pc", 1, Backing.ANONYMOUS));
      machines.add(new Machine(qemu, "q35", 2, Backing.MEMFD));
    }
    return machines.stream();
  }

  private static List<String> qemus() {
    @Nullable String newer = System.getenv("REKINDLE_QEMU10");
    return newer == null ? List.of("qemu-system-x86_64") : List.of("qemu-system-x86_64", newer);
  }

  private static void requireQemu() {
    boolean found =
        Stream.of(System.getenv("PATH").split(":"))
            .anyMatch(each -> Files.isExecutable(Path.of(each, "qemu-system-x86_64")));
    assumeTrue(found, "qemu-system-x86_64 is not installed");
    assumeTrue(
        Files.isReadable(Path.of("/dev/userfaultfd")), "postcopy needs access to /dev/userfaultfd");
  }

  /** Boots until the firmware has found nothing to start, pauses and saves. */
  private Saved save(Machine machine) throws Exception {
    Path socket = directory.resolve("boot.qmp");
    List<String> command =
        machine.command(
            "-qmp",
            "unix:" + socket + ",server=on,wait=off",
            "-chardev",
            "file,id=firmware,path=" + directory.resolve("firmware.log"),
            "-device",
            "isa-debugcon,iobase=0x402,chardev=firmware");
    Process qemu = new ProcessBuilder(command).inheritIO().start();
    try {
      while (!Files.exists(socket)) {
        assertThat(qemu.waitFor(5, TimeUnit.MILLISECONDS)).isFalse();
      }
      try (Qmp qmp = connect(socket, qemu)) {
        while (!Files.readString(directory.resolve("firmware.log"))
            .contains("No bootable device")) {
          assertThat(qemu.waitFor(5, TimeUnit.MILLISECONDS)).isFalse();
        }
        qmp.execute("stop");
        return save(qmp, "first");
      }
    } finally {
      qemu.destroyForcibly().waitFor();
      Files.deleteIfExists(socket);
    }
  }

  private static Qmp connect(Path socket, Process qemu) throws Exception {
    while (true) {
      try {
        return Qmp.connect(socket, PATIENCE);
      } catch (IOException notYet) {
        assertThat(qemu.waitFor(5, TimeUnit.MILLISECONDS)).isFalse();
      }
    }
  }

  private static Saved save(Qmp qmp, String name) throws Exception {
    Path file = directory.resolve(name);
    CountDownLatch completed = new CountDownLatch(1);
    qmp.execute(
        "migrate-set-capabilities",
        Map.of("capabilities", List.of(Map.of("capability", "events", "state", true))));
    try (Qmp.Subscription _ =
        qmp.subscribe(event -> {
          if ("completed".equals(event.data().get("status"))) {
            completed.countDown();
          }
        })) {
      Path part = directory.resolve(name + ".part");
      String command = "cat > %s && mv %s %s".formatted(part, part, file);
      qmp.execute("migrate", Map.of("uri", "exec:" + command));
      assertThat(completed.await(30, TimeUnit.SECONDS)).isTrue();
    }
    // QEMU has completed when the pipe has taken everything; cat may still be writing then.
    while (!Files.exists(file)) {
      Thread.onSpinWait();
    }
    RecordingSink sink = new RecordingSink();
    try (FileChannel channel = FileChannel.open(file)) {
      SavedStream stream = MigrationStreamReader.read(name, channel, sink);
      SavedMachine machine =
          new SavedMachine(
              stream.machineType(),
              stream.configurationHex(),
              stream.ramSectionId(),
              qmp.version().toString(),
              true);
      return new Saved(machine, stream.deviceState(), sink);
    } finally {
      Files.delete(file);
    }
  }

  private String[] debugPort() {
    return new String[] {
      "-chardev", "null,id=firmware", "-device", "isa-debugcon,iobase=0x402,chardev=firmware"
    };
  }

  @ParameterizedTest
  @MethodSource("machines")
  void memoryIsTheSameHoweverMuchWasPlacedBeforeTheStart(Machine machine) throws Exception {
    requireQemu();
    Saved saved = save(machine);
    int pages = saved.map().pages();
    for (int before : new int[] {0, pages / 3, pages - 1, pages}) {
      List<String> command = new ArrayList<>(machine.command(debugPort()));
      command.add("-S");
      try (QemuProcess qemu = QemuProcess.startForRestore(command, QemuProcess.Console.NONE);
          Qmp qmp = qemu.connect(PATIENCE)) {
        try (QemuIncoming incoming = incoming(qemu, qmp, saved)) {
          PostcopyLoop loop =
              new PostcopyLoop(incoming.guest(), saved.content(), shuffled(pages), before);
          assertThat(loop.run()).as(() -> qemu.explain("gone").getMessage()).isTrue();
          assertThat(qmp.execute("query-status").get("status")).isEqualTo("paused");
          assertThat(incoming.guest().firstInstructionNs()).isEqualTo(-1);
        }
        assertSameMemory(saved, save(qmp, "second"), before);
      }
    }
  }

  private void assertSameMemory(Saved saved, Saved again, int before) {
    assertThat(again.map()).isEqualTo(saved.map());
    byte[] expected = saved.content();
    byte[] found = again.content();
    int[] differing =
        IntStream.range(0, saved.map().pages())
            .filter(page ->
                !Arrays.equals(
                    expected,
                    page * 4096,
                    page * 4096 + 4096,
                    found,
                    page * 4096,
                    page * 4096 + 4096))
            .toArray();
    assertThat(differing).as("pages, %d before the start, seed %d", before, seed).isEmpty();
  }

  private static QemuIncoming incoming(QemuProcess qemu, Qmp qmp, Saved saved) throws IOException {
    return QemuIncoming.connect(
        qmp, qemu.directory(), saved.map(), saved.machine(), saved.devices().sections());
  }

  private List<Integer> shuffled(int pages) {
    List<Integer> order = new ArrayList<>(IntStream.range(0, pages).boxed().toList());
    Collections.shuffle(order, random);
    return order;
  }

  @ParameterizedTest
  @MethodSource("machines")
  void theGuestRunsAndItsFirstInstructionIsKnown(Machine machine) throws Exception {
    requireQemu();
    Saved saved = save(machine);
    try (QemuProcess qemu =
            QemuProcess.startForRestore(machine.command(debugPort()), QemuProcess.Console.NONE);
        Qmp qmp = qemu.connect(PATIENCE);
        QemuIncoming incoming = incoming(qemu, qmp, saved)) {
      long commandNs = System.nanoTime();
      PostcopyLoop loop =
          new PostcopyLoop(incoming.guest(), saved.content(), shuffled(saved.map().pages()), 0);
      assertThat(loop.run()).as(() -> qemu.explain("gone").getMessage()).isTrue();
      assertThat(loop.faults).isNotEmpty();
      assertThat(qmp.execute("query-status").get("status")).isEqualTo("running");
      assertThat(incoming.guest().firstInstructionNs())
          .isBetween(commandNs - 1_000_000, System.nanoTime());
      assertThat(incoming.blocktime()).isPresent();
      assertThat(incoming.blocktime().orElseThrow().vcpuMs()).hasSize(machine.vcpus);
    }
  }

  @Test
  void anotherMachineIsRefusedInClearWords() throws Exception {
    requireQemu();
    Saved saved = save(new Machine("qemu-system-x86_64", "pc", 1, Backing.ANONYMOUS));
    assertThatThrownBy(
            () -> connect(saved, new Machine("qemu-system-x86_64", "q35", 1, Backing.ANONYMOUS)))
        .hasMessageContaining("a machine of type pc-i440fx-7.2 was saved")
        .hasMessageContaining("this QEMU has a pc-q35-7.2");
    assertThatThrownBy(
            () -> connect(saved, new Machine("qemu-system-x86_64", "pc", 1, Backing.MEMFD)))
        .hasMessageContaining("memory \"pc.ram\", this QEMU has not");
    assertThatThrownBy(() ->
            connect(
                saved, new Machine("qemu-system-x86_64", "pc", 1, Backing.ANONYMOUS), "-m", "128"))
        .hasMessageContaining("was saved with 67108864 bytes, this QEMU has 134217728");
  }

  private void connect(Saved saved, Machine machine, String... more) throws Exception {
    try (QemuProcess qemu =
            QemuProcess.startForRestore(machine.command(more), QemuProcess.Console.NONE);
        Qmp qmp = qemu.connect(PATIENCE);
        QemuIncoming _ = incoming(qemu, qmp, saved)) {
      throw new AssertionError("it was accepted");
    }
  }

  @Test
  void aMachineWithoutIncomingIsNotTouched() throws Exception {
    requireQemu();
    Machine machine = new Machine("qemu-system-x86_64", "pc", 1, Backing.ANONYMOUS);
    Path socket = directory.resolve("running.qmp");
    Process qemu =
        new ProcessBuilder(machine.command("-qmp", "unix:" + socket + ",server=on,wait=off"))
            .inheritIO()
            .start();
    try {
      while (!Files.exists(socket)) {
        assertThat(qemu.waitFor(5, TimeUnit.MILLISECONDS)).isFalse();
      }
      try (Qmp qmp = connect(socket, qemu)) {
        var memory = new MemoryMap(List.of(new Region("pc.ram", 64 << 20, 4096)));
        SavedMachine saved = new SavedMachine("pc-i440fx-7.2", "", 2, "7.2.22", true);
        assertThatThrownBy(
                () -> QemuIncoming.connect(qmp, directory, memory, saved, new byte[0]).close())
            .hasMessageContaining("does not wait for a migration (its status is running)")
            .hasMessageContaining("-incoming defer");
      }
    } finally {
      qemu.destroyForcibly().waitFor();
    }
  }

  @Test
  void whatQemuSaysWhenItEndsAtOnceIsTold() throws Exception {
    requireQemu();
    try (QemuProcess qemu =
        QemuProcess.startForRestore(
            List.of("qemu-system-x86_64", "-machine", "no-such-machine"),
            QemuProcess.Console.NONE)) {
      assertThatThrownBy(() -> qemu.connect(PATIENCE))
          .hasMessageContaining("exit status 1")
          .hasMessageContaining("unsupported machine type");
    }
  }
}
