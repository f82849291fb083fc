package org.rekindle.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rekindle.guest.child.GuestConsole;
import org.rekindle.json.Members;
import org.rekindle.lab.DemoMachine;
import org.rekindle.lab.GuestKit;
import org.rekindle.lab.RunningMachine;

/** The commands as users run them, on a real machine: what they do, say and leave behind. */
@Tag("slow")
class CommandsSlowTest {
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  @TempDir static Path directory;
  private static @Nullable DemoMachine machine;
  private static @Nullable RunningMachine running;
  private static Path image = Path.of("");
  private static String nonce = "";
  private static String sum = "";

  @BeforeAll
  static void saveAMachine() throws Exception {
    GuestKit kit;
    try {
      kit = GuestKit.provision(System.err::println);
    } catch (IOException missing) {
      Assumptions.abort("no guest: " + missing.getMessage());
      return;
    }
    machine = DemoMachine.small(kit);
    running = machine.start();
    running.console().awaitBeats(100, PATIENCE);
    nonce = running.console().nonce();
    sum = running.console().sum();
    image = directory.resolve("vm.rekindle");
    try (CommandProcess save = rekindle("save", "--json", "--qmp", qmp(), image.toString())) {
      assertThat(save.exitCode()).as(save.errors()).isZero();
      Map<String, @Nullable Object> result = save.json();
      assertThat(result.get("guestRuns")).isEqualTo(true);
      assertThat((Double) Objects.requireNonNull(result.get("stopMs"))).isPositive();
    }
    int beats = running.console().beats().size();
    running.console().awaitBeats(beats + 10, PATIENCE);
  }

  @AfterAll
  static void endTheMachine() throws IOException {
    if (running != null) {
      running.close();
    }
  }

  private static CommandProcess rekindle(String... arguments) throws IOException {
    return CommandProcess.start(directory, List.of(arguments));
  }

  private static String qmp() {
    return Objects.requireNonNull(running).qmp().toString();
  }

  private static List<String> qemu(Path serial) {
    return Objects.requireNonNull(machine).command(serial);
  }

  private static CommandProcess rekindle(List<String> arguments, Path serial) throws IOException {
    List<String> all = new ArrayList<>(arguments);
    all.add("--");
    all.addAll(qemu(serial));
    return CommandProcess.start(directory, all);
  }

  /** The same machine, not one that was booted anew, with the same memory, and alive. */
  private static void assertRestored(CommandProcess restore, Path serial) throws IOException {
    try (GuestConsole console = GuestConsole.connect(serial, restore::isAlive, PATIENCE)) {
      console.awaitBeats(5, PATIENCE);
      assertThat(console.nonce()).isEqualTo(nonce);
      assertThat(console.sum()).isEqualTo(sum);
    }
  }

  @Test
  void inspectVerifiesTheImageAndSaysWhatIsInIt() throws Exception {
    try (CommandProcess inspect = rekindle("inspect", "--json", image.toString())) {
      assertThat(inspect.exitCode()).as(inspect.errors()).isZero();
      assertThat(inspect.json()).containsEntry("guestKind", "qemu").containsKey("zeroPages");
    }
  }

  @Test
  void aRecordedImageIsRestoredByTheWorkingSetAndLaidOutByAccess() throws Exception {
    Path recorded = copyOf("recorded");
    Path serial = directory.resolve("record.serial");
    try (CommandProcess record =
        rekindle(
            List.of("record", "--json", "--for", "3s", "--runs", "2", recorded.toString()),
            serial)) {
      assertThat(record.exitCode()).as(record.errors()).isZero();
      Map<String, @Nullable Object> told = record.json();
      assertThat((Long) Objects.requireNonNull(told.get("pages"))).isGreaterThan(100);
      assertThat(told).containsEntry("merge", "vote").containsEntry("runs", 2L);
    }
    assertRestores("working-set", recorded);
    try (CommandProcess optimize = rekindle("optimize", "--json", recorded.toString())) {
      assertThat(optimize.exitCode()).as(optimize.errors()).isZero();
      assertThat(optimize.json())
          .containsEntry("runs", 2L)
          .containsKeys("lastRunBefore", "lastRunByEarlierRuns");
    }
    assertRestores("adaptive", recorded);
  }

  @ParameterizedTest
  @ValueSource(strings = {"eager", "lazy", "adaptive"})
  void aMachineComesBackWithItsMemory(String strategy) throws Exception {
    assertRestores(strategy, image);
  }

  private static void assertRestores(String strategy, Path from) throws Exception {
    Path serial = directory.resolve(strategy + ".serial");
    List<String> arguments =
        List.of(
            "restore", "--json", "--strategy", strategy, "--fill-rate", "20000", from.toString());
    try (CommandProcess restore = rekindle(arguments, serial)) {
      assertRestored(restore, serial);
      Map<String, @Nullable Object> json = restore.json();
      assertThat(json).containsEntry("strategy", strategy).containsKey("ttrMs");
      assertThat(Members.object(json, "milestonesMs"))
          .containsOnlyKeys("understood", "begun", "image opened", "vmm answers", "vmm prepared");
      Objects.requireNonNull(restore.qemu()).destroy();
      assertThat(restore.exitCode()).as(restore.errors()).isZero();
      assertThat(restore.rest()).isEqualTo("[]");
    }
  }

  @Test
  void aQemuThatWaitsIsRestoredIntoAndLeftAlone() throws Exception {
    Path serial = directory.resolve("attached.serial");
    Path monitor = directory.resolve("attached.qmp");
    List<String> command = new ArrayList<>(qemu(serial));
    command.addAll(List.of("-incoming", "defer", "-qmp"));
    command.add("unix:" + monitor + ",server=on,wait=off");
    Process waiting =
        new ProcessBuilder(command)
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    try (GuestConsole console = GuestConsole.connect(serial, waiting::isAlive, PATIENCE);
        CommandProcess restore =
            rekindle("restore", "--json", "--qmp", monitor.toString(), image.toString())) {
      assertThat(restore.exitCode()).as(restore.errors()).isZero();
      assertThat(restore.json()).containsEntry("strategy", "adaptive");
      console.awaitBeats(5, PATIENCE);
      assertThat(console.nonce()).isEqualTo(nonce);
      assertThat(console.sum()).isEqualTo(sum);
    } finally {
      waiting.destroyForcibly().waitFor();
    }
    assertThat(names(CommandProcess.sockets(directory))).isEmpty();
  }

  @Test
  void aDetachedMachineOutlivesTheCommandAndWhatItMissedIsLearnt() throws Exception {
    Path learning = copyOf("learning");
    Path serial = directory.resolve("detached.serial");
    List<String> arguments =
        List.of("restore", "--json", "--detach", "--record", learning.toString());
    try (CommandProcess restore = rekindle(arguments, serial);
        GuestConsole console = GuestConsole.connect(serial, restore::isAlive, PATIENCE)) {
      assertThat(restore.json()).containsEntry("strategy", "adaptive");
      assertThat(restore.exitCode()).as(restore.errors()).isZero();
      int beats = console.beats().size();
      console.awaitBeats(beats + 5, PATIENCE);
      assertThat(console.nonce()).isEqualTo(nonce);
    } finally {
      ProcessHandle.allProcesses()
          .filter(process -> process.info().commandLine().orElse("").contains(serial.toString()))
          .forEach(ProcessHandle::destroyForcibly);
    }
    try (CommandProcess inspect = rekindle("inspect", "--json", learning.toString())) {
      assertThat(inspect.json()).containsKey("workingSet");
    }
    assertThat(names(CommandProcess.sockets(directory))).isEmpty();
  }

  @Test
  void ctrlCInARestoreEndsTheGuest() throws Exception {
    Path serial = directory.resolve("interrupted.serial");
    List<String> slowly =
        List.of("restore", "--strategy", "lazy", "--fill-rate", "10", image.toString());
    try (CommandProcess restore = rekindle(slowly, serial)) {
      try (GuestConsole console = GuestConsole.connect(serial, restore::isAlive, PATIENCE)) {
        console.awaitBeats(2, PATIENCE);
      }
      ProcessHandle qemu = Objects.requireNonNull(restore.qemu());
      restore.interrupt();
      assertThat(restore.exitCode()).as(restore.errors()).isEqualTo(130);
      assertThat(restore.errors().lines()).last().isEqualTo("rekindle restore: interrupted");
      assertThat(qemu.isAlive()).isFalse();
    }
    assertThat(names(CommandProcess.sockets(directory))).isEmpty();
  }

  @Test
  void ctrlCInARecordingLeavesTheImageAsItWas() throws Exception {
    Path copy = copyOf("untouched");
    Path serial = directory.resolve("clone.serial");
    try (CommandProcess record =
        rekindle(List.of("record", "--for", "10min", copy.toString()), serial)) {
      try (GuestConsole console = GuestConsole.connect(serial, record::isAlive, PATIENCE)) {
        console.awaitBeats(2, PATIENCE);
      }
      ProcessHandle qemu = Objects.requireNonNull(record.qemu());
      record.interrupt();
      assertThat(record.exitCode()).as(record.errors()).isEqualTo(130);
      assertThat(record.errors().lines()).last().isEqualTo("rekindle record: interrupted");
      assertThat(qemu.isAlive()).isFalse();
    }
    assertThat(names(CommandProcess.sockets(directory))).isEmpty();
    assertThat(names(copy)).isEqualTo(names(image));
  }

  @Test
  void ctrlCInASaveLeavesTheGuestRunningAndNoImage() throws Exception {
    Path half = directory.resolve("half.rekindle");
    GuestConsole console = Objects.requireNonNull(running).console();
    try (WatchService watch = directory.getFileSystem().newWatchService();
        CommandProcess save =
            rekindle("save", "--codec", "zstd", "--qmp", qmp(), half.toString())) {
      directory.register(watch, StandardWatchEventKinds.ENTRY_CREATE);
      while (names(directory).stream().noneMatch(name -> name.contains("half"))) {
        WatchKey key = watch.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS); // it begins to write
        assertThat(key).as(save.errors()).isNotNull();
        Objects.requireNonNull(key).reset();
      }
      save.interrupt();
      assertThat(save.exitCode()).as(save.errors()).isEqualTo(130);
      assertThat(save.errors().lines().toList().getLast()).endsWith("(the guest runs)");
    }
    assertThat(names(directory)).noneMatch(name -> name.contains("half"));
    assertThat(names(CommandProcess.sockets(directory))).isEmpty();
    int beats = console.beats().size();
    assertThatCode(() -> console.awaitBeats(beats + 10, PATIENCE)).doesNotThrowAnyException();
  }

  @Test
  void aQemuThatDoesNotFitIsRefusedWithTheOptionToChange() throws Exception {
    Path serial = directory.resolve("other.serial");
    List<String> arguments = new ArrayList<>(List.of("restore", image.toString(), "--"));
    qemu(serial).forEach(word -> arguments.add(word.equals("192M") ? "160M" : word));
    try (CommandProcess restore = CommandProcess.start(directory, arguments)) {
      assertThat(restore.exitCode()).isEqualTo(1);
      assertThat(restore.errors().lines().toList().getLast())
          .startsWith("rekindle restore: memory \"pc.ram\" was saved with 201326592 bytes")
          .contains("give it the same -m");
    }
  }

  private static Path copyOf(String name) throws IOException {
    Path copy = Files.createDirectory(directory.resolve(name));
    try (Stream<Path> files = Files.list(image)) {
      for (Path file : files.toList()) {
        Files.copy(file, copy.resolve(file.getFileName()));
      }
    }
    return copy;
  }

  private static Set<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      Set<String> names = new TreeSet<>();
      files.forEach(file -> names.add(file.getFileName().toString()));
      return names;
    }
  }
}
