package org.rekindle.lab.estimators;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.rekindle.lab.GuestKit;
import org.rekindle.lab.HeartbeatWatch;
import org.rekindle.scan.AccessScan;
import org.rekindle.workingset.Sweeps;

/*
 * One guest runs through all rounds. In a round each estimator has its turn, in another order every time; right before
 * it the guest is left alone for as long. So what else happens on the machine is with and without alike, as far
 * as it lasts longer than a turn.
 *
 * Of a scan the stretch from the end of its first sweep to the end of the second counts: one pause, one look. Of a live
 * save all of it counts, with the moment in which the guest stands still, and the processor time that
 * this process takes is that of writing an image too.
 */

/** What estimators cost the guest, and the machine. */
final class OverheadStudy implements AutoCloseable {
  private final EstimatedGuest guest;
  private final EstimatedGuest.Running running;
  private final Path image;
  private final long sweepNs;

  /** An estimator's turn. */
  private interface Turn {
    Overhead take(Stretch.Rate without) throws IOException, InterruptedException;
  }

  private OverheadStudy(
      EstimatedGuest guest, EstimatedGuest.Running running, Path image, long sweepNs) {
    this.guest = guest;
    this.running = running;
    this.image = image;
    this.sweepNs = sweepNs;
  }

  /**
   * Starts a guest.
   *
   * @param image where it is saved, again and again; deleted each time
   */
  static OverheadStudy of(EstimatedGuest guest, Path image) throws IOException {
    EstimatedGuest.Running running = guest.start();
    try {
      long sweepNs = Sweeps.sweepNs(running.memory().pages());
      HeartbeatWatch.letRun(running.console(), sweepNs);
      return new OverheadStudy(guest, running, image, sweepNs);
    } catch (IOException | RuntimeException failed) {
      running.close();
      throw failed;
    }
  }

  List<Overhead> round(int round) throws IOException, InterruptedException {
    List<Turn> turns = new ArrayList<>();
    for (EstimatedGuest.Scanner scanner : running.scanners()) {
      turns.add(without -> scan(round, scanner, without));
    }
    turns.add(without -> save(round, without));
    Collections.rotate(turns, round);
    List<Overhead> overheads = new ArrayList<>();
    for (Turn turn : turns) {
      Stretch alone = Stretch.begin(running.console());
      Thread.sleep(
          Duration.ofNanos(
              sweepNs)); // as a scan does: listening closer would cost more than scanning
      overheads.add(turn.take(alone.end()));
    }
    return overheads;
  }

  private Overhead scan(int round, EstimatedGuest.Scanner scanner, Stretch.Rate without)
      throws IOException, InterruptedException {
    AtomicReference<Stretch> second = new AtomicReference<>();
    AtomicReference<Stretch.Rate> with = new AtomicReference<>();
    try (var observer = scanner.opening().open()) {
      new AccessScan(observer, running.memory())
          .run(
              2,
              sweepNs,
              (done, _) -> {
                if (done == 1) {
                  second.set(Stretch.begin(running.console()));
                } else {
                  with.set(second.get().end());
                }
              });
    }
    return new Overhead(guest.title(), round, scanner.title(), without, with.get(), null);
  }

  private Overhead save(int round, Stretch.Rate without) throws IOException {
    try {
      Stretch saving = Stretch.begin(running.console());
      EstimatedGuest.LiveSave live = running.saveLive(image);
      return new Overhead(
          guest.title(), round, live.title(), without, saving.end(), live.moreFaults());
    } finally {
      GuestKit.delete(image);
    }
  }

  @Override
  public void close() throws IOException {
    running.close();
  }
}
