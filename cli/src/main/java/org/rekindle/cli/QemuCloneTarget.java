package org.rekindle.cli;

import java.io.IOException;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.qemu.QemuIncoming;
import org.rekindle.guest.qemu.QemuProcess;
import org.rekindle.restore.GuestGoneException;
import org.rekindle.restore.Outcome;
import picocli.CommandLine.Option;

/** A throw-away clone in a QEMU that is started here and can harm nobody. */
final class QemuCloneTarget implements Target {
  @Option(
      names = "--allow-network",
      description =
          "Leave the clone its network: it then meets the world under the machine's name.")
  private boolean allowNetwork;

  private int runs = 1;
  private List<String> qemu = List.of();
  private @Nullable QemuProcess started;

  /** What stands behind the lone -- on the command line: it belongs to the command as a whole. */
  QemuCloneTarget command(List<String> words) {
    qemu = words;
    return this;
  }

  /** How many clones are run, one after the other. */
  QemuCloneTarget times(int count) {
    runs = count;
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
    started = clone(cleanup);
  }

  private QemuProcess clone(Cleanup cleanup) throws IOException, InterruptedException {
    return cleanup.own(QemuProcess.startClone(qemu, allowNetwork, QemuProcess.Console.NONE));
  }

  @Override
  public void carryOut(Job job, Cleanup cleanup) throws Exception {
    SavedQemu saved = SavedQemu.of(job.image());
    QemuProcess clone = Objects.requireNonNull(started);
    Operation.Result result = watched(clone, saved, job, cleanup);
    for (int run = 1; run < runs; run++) {
      job.command().say("run %d of %d: %s".formatted(run, runs, result.text()));
      clone.close();
      clone = clone(cleanup);
      result = watched(clone, saved, job, cleanup);
    }
    job.command().publish(result);
  }

  private static Operation.Result watched(
      QemuProcess clone, SavedQemu saved, Job job, Cleanup cleanup) throws Exception {
    try (QemuIncoming incoming = saved.into(clone, job.command().milestones(), cleanup)) {
      Outcome outcome = job.restore(incoming.guest(), false);
      return job.result(Restored.byCommand(outcome));
    } catch (GuestGoneException gone) {
      throw clone.explain("the clone ended while it was watched");
    }
  }
}
