package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.rekindle.guest.child.ChildProcess;
import org.rekindle.guest.child.GuestConsole;
import org.rekindle.guest.child.PrivateDirectory;
import org.rekindle.guest.qemu.QemuSave;
import org.rekindle.guest.qemu.Qmp;
import org.rekindle.guest.qemu.SaveResult;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;

/**
 * A freshly booted {@link DemoMachine}: its QEMU process, with a directory of its own for the
 * sockets. Closing ends both; so does the end of this JVM.
 */
public final class RunningMachine implements Subject.Running {
  /** QEMU listens some 50 ms after its start; with two busy cores it may need much longer. */
  private static final Duration LISTENING = Duration.ofSeconds(30);

  private static final Duration BOOT = Duration.ofMinutes(10);
  private static final Duration MONITOR = Duration.ofSeconds(30);

  private final DemoMachine machine;
  private final ChildProcess qemu;
  private final GuestConsole console;

  private RunningMachine(DemoMachine machine, ChildProcess qemu, GuestConsole console) {
    this.machine = machine;
    this.qemu = qemu;
    this.console = console;
  }

  static RunningMachine start(DemoMachine machine) throws IOException {
    PrivateDirectory directory = PrivateDirectory.create();
    Path serial = directory.path().resolve("serial");
    List<String> command = new ArrayList<>(machine.command(serial));
    command.addAll(
        List.of(
            "-qmp",
            "unix:" + DemoMachine.commaSafe(qmp(directory.path())) + ",server=on,wait=off"));
    ChildProcess qemu =
        ChildProcess.start(
            new ProcessBuilder(command)
                .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                .redirectOutput(ProcessBuilder.Redirect.DISCARD),
            directory);
    try {
      return new RunningMachine(
          machine, qemu, GuestConsole.connect(serial, qemu::isAlive, LISTENING));
    } catch (IOException notListening) {
      IOException failure = qemu.explain(command.getFirst() + " did not come up");
      failure.initCause(notListening);
      qemu.close();
      throw failure;
    }
  }

  private static Path qmp(Path directory) {
    return directory.resolve("qmp");
  }

  /** Where its monitor listens. */
  public Path qmp() {
    return qmp(qemu.directory());
  }

  @Override
  public GuestConsole console() {
    return console;
  }

  @Override
  public String awaitReady() throws IOException {
    return console.awaitLine("ready ", BOOT).text();
  }

  @Override
  public String identity() throws IOException {
    return identity(machine, console);
  }

  /** The nonce of its boot, and a checksum over all memory of a workload that can tell it. */
  static String identity(DemoMachine machine, GuestConsole console) throws IOException {
    return machine.workload().sumsItsMemory()
        ? console.nonce() + " " + console.sum()
        : console.nonce();
  }

  @Override
  public Subject.Saved save(Path image, Image.Progress progress) throws IOException {
    return save(image, QemuSave.Then.QUIT, progress);
  }

  /** Saves it, and decides what becomes of it. */
  public Subject.Saved save(Path image, QemuSave.Then then, Image.Progress progress)
      throws IOException {
    try (QemuSave save = new QemuSave(qmp(), image, ImageWriter.Options.DEFAULT, then, progress)) {
      SaveResult result = save.run();
      return new Subject.Saved(result.elapsedNs(), result.stopNs(), result.imageBytes());
    }
  }

  @Override
  public Duration saveAsRival(String rival, Path file) throws IOException {
    try (Qmp monitor = Qmp.connect(qmp(), MONITOR)) {
      Duration elapsed = StockEager.of(rival).save(monitor, file);
      monitor.execute("cont");
      return elapsed;
    }
  }

  public long pid() {
    return qemu.pid();
  }

  /** Kills the machine and removes its directory. */
  @Override
  public void close() throws IOException {
    qemu.close();
    console.close();
  }
}
