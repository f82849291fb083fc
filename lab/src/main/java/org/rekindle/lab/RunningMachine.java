package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A freshly booted {@link DemoMachine}: its QEMU process, with a directory of its own for the
 * sockets. Closing ends both.
 */
public final class RunningMachine implements AutoCloseable {
  /**
   * QEMU listens some 50 ms after its start; a machine with two busy cores may need much longer.
   */
  private static final Duration LISTENING = Duration.ofSeconds(30);

  private static final long ENDING_S = 5;

  private final Path directory;
  private final Process process;
  private final GuestConsole console;

  private RunningMachine(Path directory, Process process, GuestConsole console) {
    this.directory = directory;
    this.process = process;
    this.console = console;
  }

  static RunningMachine start(DemoMachine machine) throws IOException {
    Path directory = Files.createTempDirectory("rekindle-vm");
    Process process = null;
    try {
      List<String> command = new ArrayList<>(machine.command(serialSocket(directory)));
      command.addAll(
          List.of(
              "-qmp",
              "unix:" + DemoMachine.commaSafe(qmpSocket(directory)) + ",server=on,wait=off"));
      process =
          new ProcessBuilder(command)
              .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .redirectError(log(directory).toFile())
              .start();
      GuestConsole console;
      try {
        console = GuestConsole.connect(serialSocket(directory), process, LISTENING);
      } catch (IOException notListening) {
        throw new IOException(
            command.getFirst() + " did not come up" + Command.lastLine(log(directory)),
            notListening);
      }
      return new RunningMachine(directory, process, console);
    } catch (IOException | RuntimeException failure) {
      if (process != null) {
        end(process);
      }
      GuestKit.delete(directory);
      throw failure;
    }
  }

  private static Path serialSocket(Path directory) {
    return directory.resolve("serial");
  }

  private static Path qmpSocket(Path directory) {
    return directory.resolve("qmp");
  }

  private static Path log(Path directory) {
    return directory.resolve("qemu.log");
  }

  /** Where its monitor listens. */
  public Path qmp() {
    return qmpSocket(directory);
  }

  public GuestConsole console() {
    return console;
  }

  public Process process() {
    return process;
  }

  /** Kills the machine and removes its directory. */
  @Override
  public void close() throws IOException {
    console.close();
    end(process);
    GuestKit.delete(directory);
  }

  /** Ends a QEMU process: asked first, then forced. */
  static void end(Process process) {
    process.destroy();
    try {
      if (!process.waitFor(ENDING_S, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
    } catch (InterruptedException interrupted) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
