package org.rekindle.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.rekindle.json.Json;

/** The {@code rekindle} command in a JVM of its own, as users run it. */
final class CommandProcess implements AutoCloseable {
  private static final long ENDING_S = 240;

  private final Process process;
  private final BufferedReader out;
  private final Path err;

  private CommandProcess(Process process, Path err) {
    this.process = process;
    this.out = process.inputReader(StandardCharsets.UTF_8);
    this.err = err;
  }

  /**
   * Starts it.
   *
   * @param directory gets what it says on stderr
   */
  static CommandProcess start(Path directory, List<String> arguments) throws IOException {
    return start(directory, List.of(), arguments);
  }

  /** The same, by a program that becomes it, such as one that takes rights away. */
  static CommandProcess start(Path directory, List<String> launcher, List<String> arguments)
      throws IOException {
    Path err = Files.createTempFile(directory, "err", "");
    List<String> command = new ArrayList<>();
    // Tests that run in the background (nohup, a CI runner) ignore SIGINT, children inherit that,
    // and a JVM that starts so keeps ignoring it.
    command.addAll(List.of("env", "--default-signal=INT"));
    command.addAll(launcher);
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "--enable-native-access=ALL-UNNAMED", "-cp"));
    command.add(
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
    command.add(Main.class.getName());
    command.addAll(arguments);
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectError(err.toFile());
    builder.environment().put("XDG_RUNTIME_DIR", sockets(directory).toString());
    return new CommandProcess(builder.start(), err);
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /** Whether it has a file open now. */
  boolean holdsOpen(Path file) throws IOException {
    Path open = Path.of("/proc", Long.toString(process.pid()), "fd");
    try (Stream<Path> descriptors = Files.list(open)) {
      return descriptors.anyMatch(descriptor -> {
        try {
          return Files.readSymbolicLink(descriptor).equals(file);
        } catch (IOException closedMeanwhile) {
          return false;
        }
      });
    }
  }

  /** Where commands started for {@code directory} make their sockets. */
  static Path sockets(Path directory) throws IOException {
    return Files.createDirectories(directory.resolve("run"));
  }

  /** The QEMU that it has started; null if there is none. */
  @Nullable ProcessHandle qemu() {
    return process
        .descendants()
        .filter(child -> child.info().command().orElse("").contains("qemu"))
        .findFirst()
        .orElse(null);
  }

  /** As Ctrl-C does. */
  void interrupt() throws IOException, InterruptedException {
    new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).start().waitFor();
  }

  /** Waits for its end; its exit code. */
  int exitCode() throws InterruptedException {
    if (!process.waitFor(ENDING_S, TimeUnit.SECONDS)) {
      throw new AssertionError("rekindle did not end in " + ENDING_S + " s; it said: " + errors());
    }
    return process.exitValue();
  }

  String errors() {
    try {
      return Files.readString(err);
    } catch (IOException unreadable) {
      return unreadable.toString();
    }
  }

  /** Waits for the JSON document on stdout. */
  Map<String, @Nullable Object> json() throws IOException {
    StringBuilder document = new StringBuilder();
    for (String line = out.readLine(); line != null; line = out.readLine()) {
      document.append(line).append('\n');
      if (line.equals("}")) {
        return Json.parseObject(document.toString());
      }
    }
    throw new AssertionError("no JSON document: " + document + errors());
  }

  /** What comes on stdout after the JSON document: nothing, that is promised. */
  String rest() throws IOException {
    return out.readAllLines().toString();
  }

  /** Ends what still runs, after a failed test. */
  @Override
  public void close() {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
  }
}
