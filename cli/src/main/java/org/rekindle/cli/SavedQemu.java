package org.rekindle.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.rekindle.guest.child.PrivateDirectory;
import org.rekindle.guest.qemu.QemuIncoming;
import org.rekindle.guest.qemu.QemuProcess;
import org.rekindle.guest.qemu.Qmp;
import org.rekindle.guest.qemu.SavedMachine;
import org.rekindle.image.CorruptImageException;
import org.rekindle.image.Image;
import org.rekindle.image.Manifest;

/**
 * An open image of a QEMU machine.
 *
 * @param image closed by the cleanup that it was opened under
 * @param machine what was saved beside memory and device state
 */
record SavedQemu(Image image, SavedMachine machine) {
  /** A QEMU under emulation on a busy machine needs seconds to answer its monitor. */
  static final Duration MONITOR_TIMEOUT = Duration.ofSeconds(30);

  static SavedQemu open(Path directory, Cleanup cleanup) throws IOException, InterruptedException {
    Image image = cleanup.own(Image.open(directory));
    Manifest manifest = image.manifest();
    if (!manifest.guestKind().equals("qemu")) {
      throw new IOException(
          directory + " holds a guest of kind '" + manifest.guestKind() + "', not a QEMU machine");
    }
    try {
      return new SavedQemu(image, SavedMachine.fromMap(manifest.guest()));
    } catch (IllegalArgumentException wrong) {
      throw new CorruptImageException(
          directory + ": what the manifest says of the guest is not usable: " + wrong.getMessage(),
          wrong);
    }
  }

  /** Prepares a QEMU that we have started. */
  QemuIncoming into(QemuProcess qemu, Cleanup cleanup) throws IOException, InterruptedException {
    Qmp qmp = cleanup.own(qemu.connect(MONITOR_TIMEOUT));
    try {
      return connect(qmp, qemu.directory(), cleanup);
    } catch (IOException failed) {
      if (qemu.isAlive()) {
        throw failed;
      }
      throw qemu.explain("QEMU ended before the machine could be sent");
    }
  }

  /** Prepares a QEMU of the user's that waits for a migration. */
  QemuIncoming into(Path qmpSocket, Cleanup cleanup) throws IOException, InterruptedException {
    Qmp qmp = cleanup.own(Qmp.connect(qmpSocket, MONITOR_TIMEOUT));
    return connect(qmp, cleanup.own(PrivateDirectory.create()).path(), cleanup);
  }

  private QemuIncoming connect(Qmp qmp, Path directory, Cleanup cleanup)
      throws IOException, InterruptedException {
    return cleanup.own(
        QemuIncoming.connect(qmp, directory, image.memory(), machine, image.deviceState()));
  }
}
