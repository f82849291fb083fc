package org.rekindle.cli;

import java.io.IOException;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.qemu.QemuIncoming;
import org.rekindle.guest.qemu.QemuProcess;
import org.rekindle.restore.GuestGoneException;
import picocli.CommandLine.Option;

/** A QEMU that is started here, by the user's own command. */
final class QemuTarget implements Target {
  @Option(
      names = "--detach",
      description = "Leave once all memory is in; without it, stay until QEMU ends.")
  private boolean detach;

  private List<String> qemu = List.of();
  private @Nullable QemuProcess started;

  /** What stands behind the lone -- on the command line: it belongs to the command as a whole. */
  QemuTarget command(List<String> words) {
    qemu = words;
    return this;
  }

  @Override
  public String synopsis() {
    return "a QEMU command after --";
  }

  @Override
  public boolean chosen() {
    return !qemu.isEmpty();
  }

  @Override
  public void begin(Operation command, Cleanup cleanup) throws IOException, InterruptedException {
    started = cleanup.own(QemuProcess.startForRestore(qemu, console(command.json())));
  }

  @Override
  public void carryOut(Job job, Cleanup cleanup) throws Exception {
    SavedQemu saved = SavedQemu.of(job.image());
    QemuProcess process = Objects.requireNonNull(started);
    QemuIncoming incoming = saved.into(process, job.command().milestones(), cleanup);
    try {
      saved.restore(job, incoming);
    } catch (GuestGoneException gone) {
      throw process.explain("QEMU ended before all memory was in");
    }
    if (detach) {
      process.release();
    } else if (process.waitFor() != 0) {
      throw process.explain("QEMU ran on, and ended");
    }
  }

  /** The user's terminal is the guest's, unless a program reads our output or we leave. */
  private QemuProcess.Console console(boolean json) {
    return json || detach ? QemuProcess.Console.NONE : QemuProcess.Console.OURS;
  }
}
