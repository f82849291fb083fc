package org.rekindle.lab.simulator;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.rekindle.restore.BlockSource;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Plan;
import org.rekindle.restore.QueueDepth;
import org.rekindle.restore.ReaderLimits;
import org.rekindle.restore.Restore;
import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Profile;

/**
 * A restore without a machine: what a guest would wait for.
 *
 * @param storage what the image is read from; nothing of it is cached at first
 * @param limits of the readers
 * @param bulkReads bulk reads at the same time, at most: {@link QueueDepth} tries
 * @param costs of everything but reading
 * @param earlier what has been read before; at the latest when the restore of memory begins
 */
public record Simulation(
    StorageModel storage,
    ReaderLimits limits,
    int bulkReads,
    HostCosts costs,
    EarlierReads earlier) {

  /** Of a device that was not asked for anything yet. */
  public Simulation(StorageModel storage, ReaderLimits limits, int bulkReads, HostCosts costs) {
    this(storage, limits, bulkReads, costs, EarlierReads.NONE);
  }

  /** A simulation of a restore as it is. */
  public static Simulation on(StorageModel storage, HostCosts costs) {
    return new Simulation(storage, ReaderLimits.DEFAULT, QueueDepth.MOST, costs);
  }

  /** The same, once something else has been read. */
  public Simulation after(EarlierReads reads) {
    return new Simulation(storage, limits, bulkReads, costs, reads);
  }

  /**
   * Carries out a plan, until every page is in; or until the last touch, if the plan leaves pages
   * out.
   *
   * @param touches what the guest does once it runs. Only the first touch of a page can wait, so a
   *     profile says it all: a recorded one, or {@link AccessTrace#firstTouches} of a trace
   * @throws IllegalArgumentException if it touches a page that the guest does not have
   */
  public SimulatedRestore run(ImageLayout image, Plan plan, Profile touches) {
    for (int rank = 0; rank < touches.size(); rank++) {
      if (touches.page(rank) < 0 || touches.page(rank) >= image.memory().pages()) {
        throw new IllegalArgumentException(
            "touch %d is of page %d, the guest has %d"
                .formatted(rank, touches.page(rank), image.memory().pages()));
      }
    }
    VirtualTime time = new VirtualTime(costs.beforeNs());
    boolean endsWithTouches = plan.fill() instanceof Plan.Fill.None;
    TraceGuest guest = new TraceGuest(image.memory(), touches, time, costs, endsWithTouches);
    Device device = storage.open();
    earlier.from(device);
    StoredBytes stored = new StoredBytes(device, image.base(), image.hot());
    BlockSource.Opener opener =
        (sequence, claims, wakePager) ->
            new SimulatedSource(
                time,
                stored,
                limits,
                costs,
                new BulkReading(
                    time, stored, sequence, claims, limits, bulkReads, costs.decodeNs(), wakePager),
                new DemandReading(time, stored, limits.demandReaders(), costs, wakePager));
    try {
      Outcome outcome = new Restore(image.base(), guest, plan, opener, time).run();
      return new SimulatedRestore(outcome, guest.stalls());
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible);
    }
  }
}
