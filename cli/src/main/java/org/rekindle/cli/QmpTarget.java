package org.rekindle.cli;

import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** A QEMU of the user's that waits for a migration. */
final class QmpTarget implements Target {
  @Option(
      names = "--qmp",
      paramLabel = "SOCKET",
      description = "Restore into the QEMU behind this monitor, started with -incoming defer.")
  private @Nullable Path qmp;

  @Override
  public String synopsis() {
    return "--qmp SOCKET of one that waits";
  }

  @Override
  public boolean chosen() {
    return qmp != null;
  }

  @Override
  public void carryOut(Job job, Cleanup cleanup) throws Exception {
    SavedQemu saved = SavedQemu.of(job.image());
    saved.restore(
        job, saved.into(Objects.requireNonNull(qmp), job.command().milestones(), cleanup));
  }
}
