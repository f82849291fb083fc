package org.rekindle.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.guest.process.ProcessGuest;
import org.rekindle.image.Image;
import org.rekindle.lab.DemoMachine;
import org.rekindle.lab.DemoProcess;
import org.rekindle.lab.GuestKit;
import org.rekindle.lab.RunningMachine;
import org.rekindle.lab.WorkloadParameters;

/** A machine is scanned, saved with what was found, and recorded to see how right that was. */
@Tag("slow")
class ScanCommandSlowTest {
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  @TempDir Path directory;

  private static DemoMachine machine() {
    try {
      return new DemoMachine(
          GuestKit.provision(System.err::println),
          "pc",
          1,
          192,
          DemoMachine.Backing.MEMFD,
          Optional.empty(),
          WorkloadParameters.SMALL);
    } catch (IOException missing) {
      return Assumptions.abort("no guest: " + missing.getMessage());
    }
  }

  private CommandProcess rekindle(List<String> arguments) throws IOException {
    return CommandProcess.start(directory, arguments);
  }

  private Map<String, @Nullable Object> json(String... arguments) throws Exception {
    try (CommandProcess command = rekindle(List.of(arguments))) {
      assertThat(command.exitCode()).as(command.errors()).isZero();
      return command.json();
    }
  }

  @Test
  void whatAScanFindsIsTheImagesWorkingSetAndTheGuestUsesIt() throws Exception {
    Assumptions.assumeTrue("root".equals(System.getProperty("user.name")), "only root may scan");
    DemoMachine machine = machine();
    Path scan = directory.resolve("vm.scan");
    Path image = directory.resolve("vm.rekindle");
    try (RunningMachine running = machine.start()) {
      running.console().awaitBeats(100, PATIENCE);
      String sum = running.console().sum();
      String qmp = running.qmp().toString();
      Map<String, @Nullable Object> told =
          json("scan", "--json", "--qmp", qmp, "--for", "6s", "--interval", "2s", scan.toString());
      assertThat((List<?>) told.get("sweeps")).hasSize(3);
      assertThat(running.console().sum()).isEqualTo(sum);
      Map<String, @Nullable Object> saved =
          json("save", "--json", "--qmp", qmp, "--profile", scan.toString(), image.toString());
      assertThat((Long) saved.get("profilePages")).isPositive();
      Path other = directory.resolve("other.rekindle");
      Map<String, @Nullable Object> both =
          json("save", "--json", "--qmp", qmp, "--scan", "2s", other.toString());
      assertThat(both.get("scanBackend")).isEqualTo(told.get("backend"));
      int[] foundAgain = pages(other);
      assertThat(both.get("profilePages")).isEqualTo((long) foundAgain.length);
      assertThat((double) common(pages(image), foundAgain) / foundAgain.length)
          .as("of what it uses, what it used before")
          .isGreaterThan(0.5);
      try (CommandProcess again =
          rekindle(List.of("save", "--qmp", qmp, "--scan", "1h", other.toString()))) {
        assertThat(again.exitCode()).isEqualTo(1);
        assertThat(again.errors()).contains(other + " exists already");
      }
    }
    int[] found = pages(image);
    List<String> record = new ArrayList<>(List.of("record", "--json", "--for", "3s"));
    record.addAll(List.of(image.toString(), "--"));
    record.addAll(machine.command(directory.resolve("serial")));
    try (CommandProcess command = rekindle(record)) {
      assertThat(command.exitCode()).as(command.errors()).isZero();
    }
    int[] touched = pages(image);
    double right = common(found, touched);
    System.out.printf(
        "coverage %.3f, precision %.3f of %d pages%n",
        right / touched.length, right / found.length, found.length);
    assertThat(right / touched.length).as("coverage").isGreaterThan(0.8);
    assertThat(right / found.length)
        .as("precision")
        .isGreaterThan(0.1); // its touches are scattered: 16 pages a read
  }

  /** The process guest: its memory is a memfd, named so. */
  @Test
  void aProcessIsScannedByItsPidAndSaysWhichMemoryWasTaken() throws Exception {
    Assumptions.assumeTrue("root".equals(System.getProperty("user.name")), "only root may scan");
    try (ProcessGuest guest = ProcessGuest.start()) {
      guest.boot(DemoProcess.small().machine());
      guest.run();
      guest.console().awaitBeats(20, PATIENCE);
      String pid = Long.toString(guest.pid());
      Path scan = directory.resolve("process.scan");
      Map<String, @Nullable Object> told =
          json("scan", "--json", "--pid", pid, "--for", "2s", "--interval", "1s", scan.toString());
      assertThat(told.get("region")).isEqualTo("/memfd:rekindle-guest (deleted)");
      assertThat(told.get("address")).isEqualTo(guest.memory().address());
      assertThat(told.get("pages")).isEqualTo(guest.memory().bytes() / 4096);
      assertThat(Objects.toString(told.get("backends")))
          .contains("{name=unmap and observe, offered=true, refusal=null}")
          .contains("written pages, offered=false, refusal=process " + pid + " does not have");
      int hot = DemoProcess.small().workingSetPages();
      assertThat((Long) told.get("setPages")).isGreaterThan(hot / 2);
      assertThat(guest.verify().isIntact()).isTrue();
      Path other = directory.resolve("other.scan");
      try (CommandProcess command =
          rekindle(List.of("scan", "--pid", pid, "--map", "no-such", other.toString()))) {
        assertThat(command.exitCode()).isEqualTo(1);
        assertThat(command.errors())
            .contains("no shared memory named no-such")
            .contains("/memfd:rekindle-guest (deleted)");
      }
      assertThat(other).doesNotExist();
    }
  }

  @Test
  void whatAProcessWritesIsScannedWhereItHasThatNotedAndRefusedWhereNot() throws Exception {
    try (ProcessGuest guest = ProcessGuest.start()) {
      guest.boot(DemoProcess.small().machine());
      guest.run();
      List<String> scan =
          List.of(
              "scan", "--pid", Long.toString(guest.pid()), "--backend", "written", "--for", "1s");
      Path file = directory.resolve("written.scan");
      try (CommandProcess command = rekindle(with(scan, file.toString()))) {
        assertThat(command.exitCode()).isEqualTo(1);
        assertThat(command.errors()).contains("written pages: ").contains("WP_ASYNC");
      }
      assertThat(file).doesNotExist();
      try {
        guest.noteWrites();
      } catch (IOException lacking) {
        Assumptions.assumeFalse(
            String.valueOf(lacking.getMessage()).contains("Linux 6.7"),
            "this kernel notes no writes");
        throw lacking;
      }
      Map<String, @Nullable Object> told =
          json(with(scan, "--json", file.toString()).toArray(String[]::new));
      assertThat(told.get("backend")).isEqualTo("written pages");
      assertThat(told.get("readGranularityPages")).isEqualTo(0L);
      assertThat((Long) told.get("setPages")).isBetween(1L, guest.memory().bytes() / 4096 / 2);
      assertThat(guest.verify().isIntact()).isTrue();
    }
  }

  private static List<String> with(List<String> arguments, String... more) {
    List<String> all = new ArrayList<>(arguments);
    all.addAll(List.of(more));
    return all;
  }

  @Test
  void aProcessWithPrivateMemoryIsRefused() throws Exception {
    Process sleeper = new ProcessBuilder("sleep", "60").start();
    try (CommandProcess command =
        rekindle(
            List.of(
                "scan",
                "--pid",
                Long.toString(sleeper.pid()),
                directory.resolve("scan").toString()))) {
      assertThat(command.exitCode()).isEqualTo(1);
      assertThat(command.errors()).contains("has no shared memory, and only shared memory");
    } finally {
      sleeper.destroyForcibly().waitFor();
    }
  }

  @Test
  void aProcessThatIsNotThereIsRefused() throws Exception {
    Path scan = directory.resolve("scan");
    try (CommandProcess command =
        rekindle(List.of("scan", "--pid", "2147483647", scan.toString()))) {
      assertThat(command.exitCode()).isEqualTo(1);
      assertThat(command.errors()).contains("there is no process 2147483647; give the number of");
    }
    assertThat(scan).doesNotExist();
  }

  /** Root that may do no more than anybody. */
  @Test
  void whoMayNotLookIntoAProcessIsToldWhoMay() throws Exception {
    Assumptions.assumeTrue(
        "root".equals(System.getProperty("user.name")), "only root loses rights");
    Assumptions.assumeTrue(Files.isExecutable(Path.of("/usr/bin/setpriv")), "no setpriv");
    Path scan = directory.resolve("scan");
    try (ProcessGuest guest = ProcessGuest.start();
        CommandProcess command =
            CommandProcess.start(
                directory,
                List.of("setpriv", "--bounding-set=-all", "--inh-caps=-all"),
                List.of("scan", "--pid", Long.toString(guest.pid()), scan.toString()))) {
      assertThat(command.exitCode()).isEqualTo(1);
      assertThat(command.errors())
          .contains("cannot look into process " + guest.pid() + "; scan as root");
    }
    assertThat(scan).doesNotExist();
  }

  /** It dies as soon as the scanner has opened what tells which of its pages are mapped. */
  @Test
  @Timeout(60)
  void aProcessThatDiesWhileItIsScannedEndsTheScan() throws Exception {
    Assumptions.assumeTrue("root".equals(System.getProperty("user.name")), "only root may scan");
    Path scan = directory.resolve("scan");
    try (ProcessGuest guest = ProcessGuest.start()) {
      guest.boot(DemoProcess.small().machine());
      String pid = Long.toString(guest.pid());
      try (CommandProcess command =
          rekindle(
              List.of("scan", "--pid", pid, "--for", "1h", "--interval", "1s", scan.toString()))) {
        while (!command.holdsOpen(Path.of("/proc", pid, "pagemap"))) {
          assertThat(command.isAlive()).as(command.errors()).isTrue();
        }
        ProcessHandle.of(guest.pid()).orElseThrow().destroyForcibly();
        assertThat(command.exitCode()).isEqualTo(1);
        assertThat(command.errors())
            .contains("process %s, which was scanned, has ended; scan again".formatted(pid));
      }
    }
    assertThat(scan).doesNotExist();
  }

  private static int[] pages(Path image) throws IOException {
    try (Image opened = Image.open(image)) {
      return opened.profile().orElseThrow().pages();
    }
  }

  private static long common(int[] some, int[] others) {
    BitSet set = new BitSet();
    Arrays.stream(some).forEach(set::set);
    return Arrays.stream(others).filter(set::get).count();
  }

  @Test
  void aFileThatIsNoScanIsRefusedBeforeAnythingIsSaved() throws Exception {
    Path file = Files.writeString(directory.resolve("vm.scan"), "no scan at all, but long enough");
    Path image = directory.resolve("vm.rekindle");
    try (CommandProcess save =
        rekindle(
            List.of("save", "--qmp", "nowhere", "--profile", file.toString(), image.toString()))) {
      assertThat(save.exitCode()).isEqualTo(1);
      assertThat(save.errors()).contains("is no scan");
    }
    assertThat(image).doesNotExist();
  }
}
