package org.rekindle.cli;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.io.Writer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rekindle.image.Image;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageReader;
import org.rekindle.lab.DoubleMachine;
import org.rekindle.lab.VmmDouble;
import org.rekindle.linux.LinuxException;
import org.rekindle.linux.Userfaultfd;

/** The commands with {@code --firecracker}, as users run them, on the VMM double. */
@Tag("slow")
@Timeout(180)
class FirecrackerCommandSlowTest {
  @TempDir private static Path shared;
  private static DoubleMachine machine;
  private static Path image;

  @TempDir private Path directory;
  private final List<AutoCloseable> opened = new ArrayList<>();

  @BeforeAll
  static void importASnapshot() throws Exception {
    try {
      Userfaultfd.create(Userfaultfd.FEATURE_EVENT_REMOVE, false).close();
    } catch (LinuxException refused) {
      Assumptions.abort("no userfaultfd here: " + refused.getMessage());
    }
    try {
      machine = DoubleMachine.small(DoubleMachine.compile(shared)).with("--seed", "5");
    } catch (IOException noCompiler) {
      Assumptions.abort("the VMM double cannot be compiled here: " + noCompiler.getMessage());
    }
    Path memory = shared.resolve("mem");
    Path state = shared.resolve("vmstate");
    machine.writeSnapshot(memory, state);
    image = shared.resolve("image");
    try (CommandProcess command =
        rekindle(
            shared,
            "import",
            "--json",
            "--firecracker",
            memory.toString(),
            "--state",
            state.toString(),
            image.toString())) {
      assertThat(command.exitCode()).as(command.errors()).isZero();
      assertThat(command.json())
          .containsEntry("hasState", true)
          .containsEntry("guestPages", 16384L);
    }
  }

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable each : opened.reversed()) {
      each.close();
    }
  }

  private static CommandProcess rekindle(Path directory, String... arguments) throws IOException {
    return CommandProcess.start(directory, List.of(arguments));
  }

  private Path api() {
    return directory.resolve("api");
  }

  /** A double whose API can be reached. */
  private VmmDouble firecracker(String... options) throws Exception {
    List<String> all = new ArrayList<>(List.of("--api", api().toString()));
    all.addAll(List.of(options));
    VmmDouble started = machine.start(all.toArray(String[]::new));
    opened.add(started);
    while (!Files.exists(api())) {
      assertThat(started.child().process().waitFor(10, TimeUnit.MILLISECONDS)).isFalse();
    }
    return started;
  }

  private CommandProcess restore(Path from, String... options) throws IOException {
    List<String> all =
        new ArrayList<>(
            List.of("restore", "--json", from.toString(), "--firecracker", api().toString()));
    all.addAll(List.of(options));
    return CommandProcess.start(directory, all);
  }

  private void requireNothingLeft() throws IOException {
    try (Stream<Path> left = Files.list(CommandProcess.sockets(directory))) {
      assertThat(left).as("private folders").isEmpty();
    }
  }

  @SuppressWarnings("unchecked")
  private static Map<String, @Nullable Object> vm(CommandProcess command) throws IOException {
    List<Object> vms = (List<Object>) Objects.requireNonNull(command.json().get("vms"));
    assertThat(vms).hasSize(1);
    return (Map<String, @Nullable Object>) vms.getFirst();
  }

  private static Path copyOfImage(Path to) throws IOException {
    Files.createDirectory(to);
    try (Stream<Path> files = Files.list(image)) {
      for (Path file : files.toList()) {
        Files.copy(file, to.resolve(file.getFileName()));
      }
    }
    return to;
  }

  @ParameterizedTest
  @ValueSource(strings = {"eager", "lazy", "adaptive"})
  void snapshotIsLoadedServedAndResumedFromTheImageAlone(String strategy) throws Exception {
    VmmDouble vmm = firecracker();
    try (CommandProcess restore =
        restore(
            image,
            "--strategy",
            strategy,
            "--fill-rate",
            "20000",
            "--load-option",
            "track_dirty_pages=true")) {
      Map<String, @Nullable Object> told = vm(restore);
      assertThat(restore.exitCode()).as(restore.errors()).isZero();
      assertThat(told)
          .containsEntry("pid", vmm.child().pid())
          .containsEntry("outcome", "restored")
          .containsEntry("strategy", strategy);
      double firstMs = (Double) Objects.requireNonNull(told.get("firstInstructionMs"));
      double allInMs = (Double) Objects.requireNonNull(told.get("allInMs"));
      if (strategy.equals("eager")) {
        assertThat(firstMs).as("held back until all was in").isGreaterThan(allInMs - 50);
      } else {
        assertThat(firstMs).isPositive().isLessThan(allInMs);
      }
    }
    vmm.awaitBeats(2);
    assertThat(vmm.verdict()).startsWith("identical pages=16384 ");
    requireNothingLeft();
  }

  @Test
  void recordingHasFirecrackerLoadAndAWorkingSetHoldsTheGuestBack() throws Exception {
    Path learning = copyOfImage(directory.resolve("learning"));
    VmmDouble first = firecracker();
    try (CommandProcess record =
        rekindle(
            directory,
            "record",
            "--for",
            "1s",
            learning.toString(),
            "--firecracker",
            api().toString())) {
      assertThat(record.exitCode()).as(record.errors()).isZero();
    }
    assertThat(first.verdict()).startsWith("identical ");
    first.close();
    VmmDouble second = firecracker();
    try (CommandProcess restore = restore(learning, "--strategy", "working-set")) {
      Map<String, @Nullable Object> told = vm(restore);
      assertThat(restore.exitCode()).as(restore.errors()).isZero();
      assertThat((Long) Objects.requireNonNull(told.get("demandFaults")))
          .as("of some 1,500 pages touched, 1,024 of them first")
          .isLessThan(600);
    }
    second.awaitBeats(1);
    assertThat(second.verdict()).startsWith("identical ");
    requireNothingLeft();
  }

  @Test
  void runningMicrovmIsSavedRunsOnAndComesBack() throws Exception {
    VmmDouble running = firecracker("--boot");
    running.awaitBeats(3);
    Path saved = directory.resolve("saved");
    try (CommandProcess save =
        rekindle(
            directory, "save", "--json", "--firecracker", api().toString(), saved.toString())) {
      assertThat(save.exitCode()).as(save.errors()).isZero();
      assertThat(save.errors()).contains("Firecracker writes 64 MiB of memory to " + directory);
      assertThat(save.json())
          .containsEntry("guestRuns", true)
          .containsEntry("vmmVersion", "1.16.1")
          .containsEntry("guestPages", 16384L);
    }
    running.await("running "); // the second time
    running.close();
    try (Stream<Path> left = Files.list(directory)) {
      assertThat(left).noneMatch(file -> file.getFileName().toString().contains("snapshot"));
    }
    Path memory = memoryOf(saved);
    VmmDouble restored = firecracker("--expect", memory.toString());
    try (CommandProcess restore = restore(saved)) {
      assertThat(restore.exitCode()).as(restore.errors()).isZero();
    }
    restored.awaitBeats(2);
    assertThat(restored.verdict()).startsWith("identical ");
  }

  private Path memoryOf(Path saved) throws IOException {
    Path file = directory.resolve("expected");
    try (Image opening = Image.open(saved);
        PageReader reader = opening.newPageReader();
        OutputStream out = Files.newOutputStream(file);
        Arena arena = Arena.ofConfined()) {
      MemorySegment page = arena.allocate(MemoryMap.PAGE_BYTES);
      for (int i = 0; i < opening.memory().pages(); i++) {
        reader.read(i, page, 0);
        out.write(page.toArray(JAVA_BYTE));
      }
    }
    return file;
  }

  @Test
  void whatFirecrackerRefusesIsToldAndNobodyIsWaitedFor() throws Exception {
    VmmDouble vmm = firecracker();
    try (CommandProcess restore = restore(image, "--load-option", "bogus=1")) {
      assertThat(restore.exitCode()).as(restore.errors()).isEqualTo(1);
      assertThat(restore.errors().lines())
          .last()
          .asString()
          .startsWith("rekindle restore: Firecracker refused PUT /snapshot/load: ")
          .contains("unknown field `bogus`");
    }
    assertThat(vmm.child().isAlive()).isTrue();
    requireNothingLeft();
  }

  @Test
  void firecrackerThatHasAGuestIsNotTouched() throws Exception {
    VmmDouble running = firecracker("--boot");
    running.awaitBeats(1);
    try (CommandProcess restore = restore(image)) {
      assertThat(restore.exitCode()).isEqualTo(1);
      assertThat(restore.errors()).contains("has a guest already (Running)");
    }
    assertThat(running.verdict()).startsWith("identical ");
    requireNothingLeft();
  }

  @Test
  void ctrlCInARestoreEndsTheVmmAndLeavesNothing() throws Exception {
    VmmDouble vmm = firecracker();
    try (CommandProcess restore = restore(image, "--strategy", "lazy", "--fill-rate", "10")) {
      vmm.awaitBeats(1);
      restore.interrupt();
      assertThat(restore.exitCode()).as(restore.errors()).isEqualTo(130);
      assertThat(restore.errors()).contains("the VMM was killed");
    }
    assertThat(vmm.child().process().waitFor(10, TimeUnit.SECONDS)).isTrue();
    requireNothingLeft();
  }

  @Test
  void vmmThatDiesWhileItLoadsIsToldOf() throws Exception {
    VmmDouble vmm = firecracker("--die", "after-send");
    try (CommandProcess restore = restore(image)) {
      assertThat(restore.exitCode()).as(restore.errors()).isEqualTo(1);
      assertThat(restore.errors()).contains("closed its API").contains("the VMM has ended");
    }
    assertThat(vmm.child().process().waitFor(10, TimeUnit.SECONDS)).isTrue();
    requireNothingLeft();
  }

  /**
   * As the jailer does: another root, another user, and no more rights than a userfaultfd needs.
   */
  @Test
  void jailedFirecrackerIsRestoredAndSavedThroughItsJail() throws Exception {
    Assumptions.assumeTrue(
        Files.getAttribute(directory, "unix:uid").equals(0), "only root may use chroot");
    Path jail = Files.createDirectory(directory.resolve("jail"));
    Path run = Files.createDirectory(jail.resolve("run"));
    Path sources = Path.of(System.getProperty("rekindle.root", ".."), "lab/src/bench/c/vmm_double");
    String prepare =
        """
        gcc -static -O2 -pthread -o "$1/vmm_double" "$2"/*.c && chown -R 65534:65534 "$1" &&
        setcap cap_sys_ptrace+ep "$1/vmm_double"\
        """;
    Process prepared =
        new ProcessBuilder("sh", "-c", prepare, "sh", jail.toString(), sources.toString())
            .inheritIO()
            .start();
    Assumptions.assumeTrue(prepared.waitFor() == 0, "no static C library or setcap here");
    Process vmm =
        new ProcessBuilder(
                "chroot",
                "--userspec=65534:65534",
                jail.toString(),
                "/vmm_double",
                "--api",
                "/run/api")
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    opened.add(vmm::destroyForcibly);
    Path socket = run.resolve("api");
    while (!Files.exists(socket)) {
      assertThat(vmm.waitFor(10, TimeUnit.MILLISECONDS)).isFalse();
    }
    List<String> reach = List.of("--firecracker", socket.toString(), "--jail", jail.toString());
    List<String> restore = new ArrayList<>(List.of("restore", image.toString()));
    restore.addAll(reach);
    try (CommandProcess command = CommandProcess.start(directory, restore)) {
      assertThat(command.exitCode()).as(command.errors()).isZero();
    }
    Path saved = directory.resolve("saved");
    List<String> save = new ArrayList<>(List.of("save", saved.toString()));
    save.addAll(reach);
    try (CommandProcess command = CommandProcess.start(directory, save)) {
      assertThat(command.exitCode()).as(command.errors()).isZero();
    }
    try (Writer commands = vmm.outputWriter();
        BufferedReader lines = vmm.inputReader()) {
      commands.write("check\n");
      commands.flush();
      assertThat(lines.lines().filter(line -> line.startsWith("verdict ")).findFirst())
          .hasValueSatisfying(verdict -> assertThat(verdict).startsWith("verdict identical "));
    }
    try (Image opening = Image.open(saved);
        Stream<Path> left = Files.list(jail)) {
      assertThat(opening.memory().pages()).isEqualTo(16384);
      assertThat(left).as("in the jail").containsExactlyInAnyOrder(run, jail.resolve("vmm_double"));
    }
  }
}
