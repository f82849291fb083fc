package org.rekindle.cli;

import java.util.Optional;
import org.rekindle.guest.qemu.Blocktime;
import org.rekindle.restore.Outcome;

/**
 * A machine that has been restored, and what is known of how that went.
 *
 * @param outcome the pager's account
 * @param fromNs when its restore was asked for, on the clock of {@link System#nanoTime}: all times
 *     are told from then on
 * @param vcpus how many virtual CPUs the faults tell apart, 0 if they do not
 * @param blocktime QEMU's own account, where it gives one
 */
record Restored(Outcome outcome, long fromNs, int vcpus, Optional<Blocktime> blocktime) {
  /** One that was asked for by this command. */
  static Restored byCommand(Outcome outcome) {
    return new Restored(outcome, Main.startNs(), 0, Optional.empty());
  }

  Restored with(Optional<Blocktime> time) {
    return new Restored(outcome, fromNs, vcpus, time);
  }
}
