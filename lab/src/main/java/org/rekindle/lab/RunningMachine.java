package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.rekindle.guest.qemu.PrivateDirectory;

/**
 * A freshly booted {@link DemoMachine}: its QEMU process, with a directory of its own for the
 * sockets. Closing ends both; so does the end of this JVM.
 */
public final class RunningMachine implements AutoCloseable {
  /** QEMU listens some 50 ms after its start; with two busy cores it may need much longer. */
  private static final Duration LISTENING = Duration.ofSeconds(30);

  private static final long ENDING_S = 5;

  private final PrivateDirectory directory;
  private final Process process;
  private final GuestConsole console;
  private final Thread hook;

  private RunningMachine(
      PrivateDirectory directory, Process process, GuestConsole console, Thread hook) {
    this.directory = directory;
    this.process = process;
    this.console = console;
    this.hook = hook;
  }

  static RunningMachine start(DemoMachine machine) throws IOException {
    PrivateDirectory directory = PrivateDirectory.create();
    Path serial = directory.path().resolve("serial");
    Path log = directory.path().resolve("stderr");
    List<String> command = new ArrayList<>(machine.command(serial));
    command.addAll(
        List.of("-qmp", "unix:" + DemoMachine.commaSafe(qmp(directory)) + ",server=on,wait=off"));
    Process process;
    try {
      process =
          new ProcessBuilder(command)
              .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .redirectError(log.toFile())
              .start();
    } catch (IOException cannotStart) {
      directory.close();
      throw cannotStart;
    }
    Thread hook = new Thread(() -> end(process, directory), "machine-end");
    Runtime.getRuntime().addShutdownHook(hook);
    try {
      return new RunningMachine(
          directory, process, GuestConsole.connect(serial, process::isAlive, LISTENING), hook);
    } catch (IOException notListening) {
      IOException failure =
          new IOException(
              command.getFirst() + " did not come up" + Command.lastLine(log), notListening);
      forget(hook);
      end(process, directory);
      throw failure;
    }
  }

  private static Path qmp(PrivateDirectory directory) {
    return directory.path().resolve("qmp");
  }

  /** Where its monitor listens. */
  public Path qmp() {
    return qmp(directory);
  }

  public GuestConsole console() {
    return console;
  }

  public long pid() {
    return process.pid();
  }

  /** Kills the machine and removes its directory. */
  @Override
  public void close() throws IOException {
    forget(hook);
    end(process, directory);
    console.close();
  }

  private static void forget(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException alreadyEnding) {
      // The hook runs, or has run; ending twice does no harm.
    }
  }

  /** Ends QEMU: asked first, then forced; works while this thread is interrupted. */
  private static synchronized void end(Process process, PrivateDirectory directory) {
    boolean interrupted = Thread.interrupted();
    process.destroy();
    try {
      if (!process.waitFor(ENDING_S, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
    } catch (InterruptedException hurry) {
      interrupted = true;
      process.destroyForcibly();
    }
    try {
      directory.close();
    } catch (IOException left) {
      // A directory of sockets in a place for temporary files: nothing depends on it.
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
