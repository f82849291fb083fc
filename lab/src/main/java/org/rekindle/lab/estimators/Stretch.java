package org.rekindle.lab.estimators;

import org.rekindle.guest.child.GuestConsole;
import org.rekindle.linux.ProcessorTime;

/** A stretch of time in which a guest is heard, and this process observes it or does not. */
final class Stretch {
  private final GuestConsole console;
  private final long fromNs = System.nanoTime();
  private final long cpuFromNs = ProcessorTime.ofThisProcessNs();

  private Stretch(GuestConsole console) {
    this.console = console;
  }

  static Stretch begin(GuestConsole console) {
    return new Stretch(console);
  }

  /**
   * How it went.
   *
   * @param cpuShare processor time of this process, as a share of the time
   */
  record Rate(double beatsPerSecond, double cpuShare) {}

  Rate end() {
    long cpuNs = ProcessorTime.ofThisProcessNs() - cpuFromNs;
    long toNs = System.nanoTime();
    long beats =
        console.beats().stream()
            .filter(beat -> beat.arrivalNs() - fromNs >= 0 && beat.arrivalNs() - toNs < 0)
            .count();
    double elapsedNs = toNs - fromNs;
    return new Rate(beats * 1e9 / elapsedNs, cpuNs / elapsedNs);
  }
}
