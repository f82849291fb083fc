package org.rekindle.responsiveness;

/** What a stall stops, in a {@link StallTimeline}. */
public enum StallScope {
  /**
   * The VMM does not tell who waits: the whole guest counts as stalled while any fault is
   * outstanding. The utilisation is then a lower bound of what the guest really got.
   */
  PER_GUEST,

  /** Each virtual CPU stalls alone: the utilisation is the mean share over the virtual CPUs. */
  PER_VCPU,

  /**
   * Each client of the guest stalls alone, seen from outside: in what an answer took longer than it
   * normally does. The same for every way to restore, whether its faults are known or not.
   */
  PER_CLIENT
}
