package org.rekindle.lab;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.qemu.QemuProcess;
import org.rekindle.guest.qemu.Qmp;
import org.rekindle.json.Json;

/**
 * Measures how long {@code rekindle restore} takes from the command to the guest's first
 * instruction, where that time goes, and how fast the first faults are served: {@code
 * scripts/bench-start}.
 *
 * <p>The whole command as a user types it, launcher and JVM included, with a warm page cache. What
 * each setting of the JVM is worth is seen by taking it back; all take turns, and every round
 * begins with another one.
 */
public final class StartBenchmark {
  private static final Duration MONITOR = Duration.ofSeconds(30);

  /** Long enough for some 10,000 first touches under emulation. */
  private static final String WATCHED = "3s";

  /**
   * One way to start.
   *
   * @param javaOptions what is taken back of the launcher's settings
   */
  record Variant(String name, String javaOptions) {}

  private static final List<Variant> VARIANTS =
      List.of(
          new Variant("as it comes", ""),
          new Variant("without the AOT cache", "-XX:AOTMode=off"),
          new Variant("all tiers of the JIT", "-XX:TieredStopAtLevel=4"),
          new Variant(
              "all tiers, without the AOT cache", "-XX:TieredStopAtLevel=4 -XX:AOTMode=off"),
          new Variant("compiled after a tenth of the calls", "-XX:CompileThresholdScaling=0.1"),
          new Variant("all memory of the JVM touched first", "-Xms64m -XX:+AlwaysPreTouch"));

  private final Path launcher;
  private final Path work;
  private final DemoMachine machine;
  private final StartReport report = new StartReport();

  private StartBenchmark(Path launcher, Path work) throws IOException {
    this.launcher = launcher;
    this.work = work;
    this.machine = DemoMachine.demo(GuestKit.provision(System.err::println));
  }

  /** Arguments: the launcher, a work folder, rounds, and where the results go. */
  public static void main(String[] arguments) throws Exception {
    Path work = Files.createTempDirectory(Path.of(arguments[1]), "start-");
    StartBenchmark benchmark = new StartBenchmark(Path.of(arguments[0]), work);
    int rounds = Integer.parseInt(arguments[2]);
    try {
      benchmark.save();
      benchmark.run(rounds);
    } finally {
      GuestKit.delete(work);
    }
    Path out = Files.createDirectories(Path.of(arguments[3]));
    Files.writeString(out.resolve("start.json"), Json.pretty(benchmark.report.raw()) + "\n");
    String text = benchmark.report.text(rounds);
    Files.writeString(out.resolve("start.md"), text);
    System.out.print(text);
  }

  private Path image() {
    return work.resolve("image");
  }

  private void save() throws IOException, InterruptedException {
    try (RunningMachine running = machine.start()) {
      running.awaitReady();
      running.console().awaitBeats(20, Duration.ofMinutes(2));
      running.save(image(), (_, _) -> {});
    }
    command("record", "", "--for", "5s");
  }

  private void run(int rounds) throws IOException, InterruptedException {
    for (int round = -1; round < rounds; round++) { // the first one warms the page cache
      report.keepIf(round >= 0);
      report.qemuAlone(qemuAloneMs());
      for (int i = 0; i < VARIANTS.size(); i++) {
        Variant variant = VARIANTS.get(Math.floorMod(round + i, VARIANTS.size()));
        Instant began = Instant.now();
        Map<String, @Nullable Object> restored = command("restore", variant.javaOptions);
        report.restored(variant, began, restored);
        report.watched(variant, command("record", variant.javaOptions, "--for", WATCHED));
      }
    }
  }

  /** From QEMU's start until its monitor has answered a first question. */
  private double qemuAloneMs() throws IOException {
    long startNs = System.nanoTime();
    try (QemuProcess qemu =
            QemuProcess.startForRestore(
                machine.command(work.resolve("serial")), QemuProcess.Console.NONE);
        Qmp monitor = qemu.connect(MONITOR)) {
      monitor.execute("query-status");
      return (System.nanoTime() - startNs) / 1e6;
    }
  }

  /** Runs the command until it has told its result, then ends it and its machine. */
  private Map<String, @Nullable Object> command(String name, String javaOptions, String... options)
      throws IOException, InterruptedException {
    List<String> words = new ArrayList<>(List.of(launcher.toString(), name, "--json"));
    words.addAll(List.of(options));
    words.addAll(List.of(image().toString(), "--"));
    words.addAll(machine.command(work.resolve("serial")));
    ProcessBuilder builder =
        new ProcessBuilder(words).redirectError(work.resolve("errors").toFile());
    builder.environment().put("REKINDLE_JAVA_OPTS", javaOptions);
    Process process = builder.start();
    try {
      return Json.parseObject(document(process.inputReader(UTF_8)));
    } catch (IllegalArgumentException ended) {
      throw new IOException(
          "rekindle " + name + " failed" + Command.lastLine(work.resolve("errors")), ended);
    } finally {
      process.destroy();
      process.waitFor();
    }
  }

  /** One JSON document, as it is printed: its last line is a brace alone. */
  private static String document(BufferedReader out) throws IOException {
    StringBuilder text = new StringBuilder();
    for (String line = out.readLine(); line != null; line = out.readLine()) {
      text.append(line).append('\n');
      if (line.equals("}")) {
        break;
      }
    }
    return text.toString();
  }
}
