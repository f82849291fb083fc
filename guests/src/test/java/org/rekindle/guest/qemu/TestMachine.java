package org.rekindle.guest.qemu;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.rekindle.json.Members;

/**
 * A real QEMU (TCG, no disk, no kernel: its guest stays in the firmware) for tests of its monitor
 * and its stream. Ended when closed.
 */
final class TestMachine implements AutoCloseable {
  private final Path monitor;
  private final Process process;

  private TestMachine(Path monitor, Process process) {
    this.monitor = monitor;
    this.process = process;
  }

  /** Debian 12's QEMU, which the tests may count on; skips the test where there is none. */
  static String qemu7() {
    return installed(System.getenv().getOrDefault("REKINDLE_QEMU", "qemu-system-x86_64"));
  }

  /** QEMU 10 where ./check has prepared it; skips the test otherwise. */
  static String qemu10() {
    String qemu = System.getenv("REKINDLE_QEMU10");
    Assumptions.assumeTrue(qemu != null, "REKINDLE_QEMU10 names no QEMU 10: ./check makes one");
    return installed(qemu == null ? "" : qemu);
  }

  private static String installed(String qemu) {
    boolean there =
        qemu.contains("/")
            ? Files.isExecutable(Path.of(qemu))
            : List.of(System.getenv().getOrDefault("PATH", "").split(":")).stream()
                .anyMatch(directory -> Files.isExecutable(Path.of(directory, qemu)));
    Assumptions.assumeTrue(there, qemu + " is not installed");
    return qemu;
  }

  static TestMachine start(String qemu, Path directory, String... arguments) throws IOException {
    Path monitor = Files.createTempDirectory(directory, "m").resolve("qmp");
    List<String> command =
        new ArrayList<>(
            List.of(qemu, "-accel", "tcg", "-nodefaults", "-display", "none", "-no-user-config"));
    command.addAll(List.of("-qmp", "unix:" + monitor + ",server=on,wait=off"));
    command.addAll(List.of(arguments));
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(directory.resolve("qemu.log").toFile())
            .start();
    TestMachine machine = new TestMachine(monitor, process);
    try {
      // QEMU listens once its socket is there; a connection may come between bind and listen.
      long startNs = System.nanoTime();
      while (true) {
        try (Qmp qmp = machine.connect()) {
          qmp.execute("query-status");
          return machine;
        } catch (IOException notYet) {
          if (!process.isAlive() || System.nanoTime() - startNs > 30_000_000_000L) {
            throw new IOException(
                "QEMU did not come up: " + Files.readString(directory.resolve("qemu.log")), notYet);
          }
          process.waitFor(20, TimeUnit.MILLISECONDS);
        }
      }
    } catch (IOException | InterruptedException | RuntimeException failed) {
      machine.close();
      throw new IOException(failed);
    }
  }

  Path monitor() {
    return monitor;
  }

  Process process() {
    return process;
  }

  Qmp connect() throws IOException {
    return Qmp.connect(monitor, Duration.ofSeconds(20));
  }

  String status() throws IOException {
    try (Qmp qmp = connect()) {
      return Members.text(qmp.execute("query-status"), "status");
    }
  }

  /** Has stock QEMU migrate, and waits until it has. */
  void migrate(String uri, String... capabilities) throws Exception {
    try (Qmp qmp = connect()) {
      for (String capability : capabilities) {
        qmp.execute(
            "migrate-set-capabilities",
            Map.of("capabilities", List.of(Map.of("capability", capability, "state", true))));
      }
      qmp.execute("migrate-set-parameters", Map.of("max-bandwidth", 1L << 40));
      qmp.execute("migrate", Map.of("uri", uri));
      Object status = "";
      while (!"completed".equals(status)) {
        Map<String, ?> migration = qmp.execute("query-migrate");
        status = migration.get("status");
        if ("failed".equals(status)) {
          throw new IOException("migrate " + uri + " failed: " + migration.get("error-desc"));
        }
        process.waitFor(10, TimeUnit.MILLISECONDS);
      }
    }
    // QEMU has completed when the pipe has taken everything; what it goes to may still be writing.
    for (ProcessHandle writing : process.descendants().toList()) {
      writing.onExit().join();
    }
  }

  @Override
  public void close() {
    process.destroyForcibly();
    try {
      process.waitFor();
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
