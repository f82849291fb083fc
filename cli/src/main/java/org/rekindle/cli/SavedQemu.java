package org.rekindle.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.rekindle.guest.child.PrivateDirectory;
import org.rekindle.guest.qemu.Blocktime;
import org.rekindle.guest.qemu.QemuIncoming;
import org.rekindle.guest.qemu.QemuProcess;
import org.rekindle.guest.qemu.Qmp;
import org.rekindle.guest.qemu.SavedMachine;
import org.rekindle.image.CorruptImageException;
import org.rekindle.image.Image;
import org.rekindle.image.Manifest;
import org.rekindle.restore.Outcome;

/**
 * An open image of a QEMU machine.
 *
 * @param image closed by whoever opened it
 * @param machine what was saved beside memory and device state
 */
record SavedQemu(Image image, SavedMachine machine) {
  /** A QEMU under emulation on a busy machine needs seconds to answer its monitor. */
  static final Duration MONITOR_TIMEOUT = Duration.ofSeconds(30);

  /**
   * What an image says of its QEMU machine.
   *
   * @throws IOException if it is of another kind
   */
  static SavedQemu of(Image image) throws IOException {
    Manifest manifest = image.manifest();
    if (!manifest.guestKind().equals("qemu")) {
      throw new IOException(
          "%s holds a guest of kind '%s', not a QEMU machine"
              .formatted(image.directory(), manifest.guestKind()));
    }
    try {
      return new SavedQemu(image, SavedMachine.fromMap(manifest.guest()));
    } catch (IllegalArgumentException wrong) {
      throw new CorruptImageException(
          image.directory()
              + ": what the manifest says of the guest is not usable: "
              + wrong.getMessage(),
          wrong);
    }
  }

  /** Restores a machine that lives on, and says how that went. */
  void restore(Job job, QemuIncoming incoming) throws IOException {
    Outcome outcome = incoming.settled(job.restore(incoming.guest(), true));
    Optional<Blocktime> blocktime = incoming.blocktime();
    incoming.close(); // QEMU is on its own before anybody is told so
    job.command().publish(job.result(Restored.byCommand(outcome).with(blocktime)));
  }

  /** Prepares a QEMU that we have started. */
  QemuIncoming into(QemuProcess qemu, Milestones milestones, Cleanup cleanup)
      throws IOException, InterruptedException {
    Qmp qmp = cleanup.own(qemu.connect(MONITOR_TIMEOUT));
    try {
      return connect(qmp, qemu.directory(), milestones, cleanup);
    } catch (IOException failed) {
      if (qemu.isAlive()) {
        throw failed;
      }
      throw qemu.explain("QEMU ended before the machine could be sent");
    }
  }

  /** Prepares a QEMU of the user's that waits for a migration. */
  QemuIncoming into(Path qmpSocket, Milestones milestones, Cleanup cleanup)
      throws IOException, InterruptedException {
    Qmp qmp = cleanup.own(Qmp.connect(qmpSocket, MONITOR_TIMEOUT));
    return connect(qmp, cleanup.own(PrivateDirectory.create()).path(), milestones, cleanup);
  }

  private QemuIncoming connect(Qmp qmp, Path directory, Milestones milestones, Cleanup cleanup)
      throws IOException, InterruptedException {
    milestones.reached("vmm answers");
    QemuIncoming incoming =
        cleanup.own(
            QemuIncoming.connect(qmp, directory, image.memory(), machine, image.deviceState()));
    milestones.reached("vmm prepared");
    return incoming;
  }
}
