package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.child.GuestConsole;
import org.rekindle.guest.child.PrivateDirectory;
import org.rekindle.guest.qemu.Blocktime;
import org.rekindle.guest.qemu.QemuIncoming;
import org.rekindle.guest.qemu.QemuProcess;
import org.rekindle.guest.qemu.Qmp;
import org.rekindle.guest.qemu.SavedMachine;
import org.rekindle.image.Image;
import org.rekindle.restore.Guest;
import org.rekindle.restore.Outcome;
import org.rekindle.scope.Scope;

/**
 * A QEMU that waits for a {@link DemoMachine} to come back from an image, with a console that
 * listens already. Closing ends it.
 */
final class RestoredMachine implements Subject.Returning {
  /** A QEMU under emulation on a busy machine needs seconds to answer. */
  static final Duration PATIENCE = Duration.ofSeconds(30);

  private final DemoMachine machine;
  private final Scope scope;
  private final QemuProcess qemu;
  private final GuestConsole console;
  private final List<Path> folders;
  private @Nullable Qmp qmp; // since connect
  private @Nullable QemuIncoming incoming; // since connect

  private RestoredMachine(
      DemoMachine machine, Scope scope, QemuProcess qemu, GuestConsole console, Path serial) {
    this.machine = machine;
    this.scope = scope;
    this.folders = List.of(qemu.directory(), serial.getParent());
    this.qemu = qemu;
    this.console = console;
  }

  static RestoredMachine start(DemoMachine machine, Subject.Purpose purpose) throws IOException {
    Scope scope = new Scope();
    try {
      Path serial = scope.add(PrivateDirectory.create()).path().resolve("serial");
      List<String> command = new ArrayList<>(machine.command(serial));
      if (purpose == Subject.Purpose.STAY_PAUSED) {
        command.add("-S");
      }
      QemuProcess qemu =
          scope.add(
              purpose == Subject.Purpose.CLONE || purpose == Subject.Purpose.TRUTH
                  ? QemuProcess.startClone(command, false, QemuProcess.Console.NONE)
                  : QemuProcess.startForRestore(command, QemuProcess.Console.NONE));
      GuestConsole console;
      try {
        console = scope.add(GuestConsole.connect(serial, qemu::isAlive, PATIENCE));
      } catch (IOException silent) {
        throw qemu.isAlive() ? silent : qemu.explain("QEMU ended before it could be restored into");
      }
      return new RestoredMachine(machine, scope, qemu, console, serial);
    } catch (IOException | RuntimeException failed) {
      try (scope) {
        throw failed;
      }
    }
  }

  /** Prepares it for the image's machine; closed with this object. */
  @Override
  public Guest connect(Image image) throws IOException {
    return connectQemu(image).guest();
  }

  /** What {@link #connect} does, for those who know that this is a QEMU. */
  QemuIncoming connectQemu(Image image) throws IOException {
    Qmp monitor = scope.add(qemu.connect(PATIENCE));
    qmp = monitor;
    QemuIncoming connected =
        scope.add(
            QemuIncoming.connect(
                monitor,
                qemu.directory(),
                image.memory(),
                SavedMachine.fromMap(image.manifest().guest()),
                image.deviceState()));
    incoming = connected;
    return connected;
  }

  @Override
  public String identity() throws IOException {
    return RunningMachine.identity(machine, console);
  }

  @Override
  public Outcome settled(Outcome outcome) throws IOException {
    return Objects.requireNonNull(incoming).settled(outcome);
  }

  @Override
  public IOException explained(IOException end) {
    IOException explained = qemu.explain(String.valueOf(end.getMessage()));
    explained.initCause(end);
    return explained;
  }

  @Override
  public long restoreAsRival(String rival, Path file) throws IOException {
    return StockEager.of(rival).restore(qemu, file);
  }

  @Override
  public @Nullable Double blockedMs() throws IOException {
    return incoming == null
        ? null
        : incoming.blocktime().map(Blocktime::allMs).map(Long::doubleValue).orElse(null);
  }

  /** QEMU's version; null before {@link #connect}. */
  @Override
  public @Nullable String vmmVersion() {
    return qmp == null ? null : qmp.version().toString();
  }

  /** Compares its memory with the image's, while it is paused and after the restore has ended. */
  MemoryComparison compare(Image image) throws IOException {
    return MemoryComparison.compare(image, qemu.pid(), Objects.requireNonNull(qmp));
  }

  @Override
  public long pid() {
    return qemu.pid();
  }

  QemuProcess qemu() {
    return qemu;
  }

  @Override
  public GuestConsole console() {
    return console;
  }

  /** Where its sockets and its log are, until it is closed. */
  List<Path> folders() {
    return folders;
  }

  @Override
  public void close() throws IOException {
    scope.close();
  }
}
