package org.rekindle.cli;

import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.restore.CanaryGuest;
import org.rekindle.restore.DecodedBlocks;
import org.rekindle.restore.Guest;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Restore;
import org.rekindle.restore.RestoreThread;

/** What a command wants of each machine that its {@link Target} reaches. */
abstract class Job {
  /** Of a recording that is ended by time, not by the last page. */
  static final long UNTIL_ALL_IN = Long.MAX_VALUE;

  private final Operation command;
  private final Image image;
  private @Nullable DecodedBlocks shared;

  Job(Operation command, Image image) {
    this.command = command;
    this.image = image;
  }

  Operation command() {
    return command;
  }

  Image image() {
    return image;
  }

  /** What the progress line says is going on. */
  abstract String doing();

  /**
   * The plan for a machine.
   *
   * @param livesOn false for a clone that is thrown away when the job is done
   */
  abstract Plan plan(boolean livesOn);

  /** How long a machine is looked after: {@link #UNTIL_ALL_IN}, or so long after its start. */
  abstract long atMostRunningNs(boolean livesOn);

  /** What is to be learnt of a machine beside its faults: a {@link CanaryGuest}, or the guest. */
  Guest watched(Guest guest) {
    return guest;
  }

  /** Stores what is to be kept of a machine, and tells how it went. For all threads. */
  abstract Operation.Result result(Restored restored) throws IOException;

  /** Has the restores from now on share what they have decoded. */
  final void share(DecodedBlocks blocks) {
    shared = blocks;
  }

  /** Restores a machine, with a progress line; to be interrupted by the thread's interrupt. */
  final Outcome restore(Guest guest, boolean livesOn) throws IOException {
    try (Progress progress = command.progress(doing())) {
      return restore(guest, livesOn, progress::bytes);
    }
  }

  /** Restores a machine: the one place where that begins. */
  final Outcome restore(Guest guest, boolean livesOn, Image.Progress progress) throws IOException {
    Guest watched = watched(guest);
    Restore restore = new Restore(image, watched, plan(livesOn), shared);
    long atMostRunningNs = atMostRunningNs(livesOn);
    long totalPages = atMostRunningNs == UNTIL_ALL_IN ? image.memory().pages() : 0;
    Outcome outcome = RestoreThread.run(restore, atMostRunningNs, totalPages, progress);
    return watched instanceof CanaryGuest canaries ? outcome.with(canaries.sample()) : outcome;
  }
}
