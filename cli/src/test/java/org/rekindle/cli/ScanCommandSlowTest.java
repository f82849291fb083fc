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
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.image.Image;
import org.rekindle.lab.DemoMachine;
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
