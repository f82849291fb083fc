package org.rekindle.cli;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.rekindle.guest.qemu.ScannedRam;
import org.rekindle.scan.AccessObserver;
import org.rekindle.scan.AccessScan;
import org.rekindle.scan.Backend;
import org.rekindle.scan.Scan;
import org.rekindle.scan.ScannedMemory;
import org.rekindle.workingset.Sweeps;

/** Scans a machine that runs, for {@code scan} and for {@code save --scan}. */
final class Scanning {
  private static final Duration MONITOR = Duration.ofSeconds(10);

  /** More than anybody waits for. */
  private static final int MAX_SWEEPS = 1 << 20;

  private Scanning() {}

  /** One sweep after the other, each as long. */
  record Schedule(int sweeps, long everyNs) {
    /** A sweep that lasts as long as VEE'11's restore would take. */
    static Schedule once(int pages) {
      return new Schedule(1, Sweeps.sweepNs(pages));
    }

    /** As many of these as there is time for, or one that takes all of the time. */
    static Schedule of(int pages, Duration time) {
      Duration usual = Duration.ofNanos(Sweeps.sweepNs(pages));
      return every(usual.compareTo(time) < 0 ? usual : time, time);
    }

    /** As many as there is time for. */
    static Schedule every(Duration interval, Duration time) {
      long sweeps = time.toNanos() / interval.toNanos();
      return new Schedule((int) Math.min(sweeps, MAX_SWEEPS), interval.toNanos());
    }
  }

  /**
   * What came of it.
   *
   * @param offers which ways there were, and which not
   * @param cpuNs of the scanner
   */
  record Found(Scan scan, List<Backend.Offer> offers, long cpuNs) {}

  /** The memory of the QEMU behind a monitor. */
  static ScannedMemory ram(Path monitor) throws IOException {
    return ScannedRam.of(monitor, MONITOR);
  }

  /**
   * Scans.
   *
   * @param among the ways that may be taken
   * @throws InterruptedException if the thread is interrupted; the machine is as it was
   */
  static Found run(ScannedMemory memory, List<Backend> among, Schedule schedule, Operation command)
      throws IOException, InterruptedException {
    long cpuBeforeNs = cpuNs();
    Backend.Choice choice = Backend.choose(memory, among);
    try (AccessObserver observer = choice.observer();
        Progress progress = command.progress("Scanning")) {
      Scan scan =
          new AccessScan(observer, memory)
              .run(
                  schedule.sweeps(),
                  schedule.everyNs(),
                  (done, touched) ->
                      progress.step(
                          "sweep %d of %d: %s pages touched"
                              .formatted(done, schedule.sweeps(), Figures.count(touched))));
      return new Found(scan, choice.offers(), cpuNs() - cpuBeforeNs);
    }
  }

  private static long cpuNs() {
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }
}
