package org.rekindle.restore;

import org.rekindle.linux.ThreadUsage;

/**
 * How long the pager did not look at the guest's faults, and whose doing that was. Written by the
 * pager thread, read by others once the restore is over.
 */
public final class DutyCycle {
  /*
   * Nothing that a guest waits for is noticed between two looks of the pager at its faults. So the time
   * from one look to the next, while the pager has work, bounds what we add to a fault: a batch that is
   * too long, a collection, a page of our own heap that is touched first. Time in which the pager waits
   * for faults is not counted, for a fault ends that wait.
   *
   * On a machine with fewer processors than threads that want one, most long gaps are the scheduler's: it
   * lets the guest run in our place, or a neighbour. The kernel tells them apart. Ours is what the thread has
   * worked in a gap, in the kernel too; and all of a gap in which it gave the processor up to wait, for
   * that was for something that we do: a safepoint, a lock, a page of ours that is not there.
   *
   * That costs a look 0.5 µs (measured; 0.3 with the JIT's last tier). A host that takes a processor from this whole machine is not told from work,
   * so where that happens ours are counted too high, never too low.
   */

  private final Gaps all = new Gaps();
  private final Gaps ours = new Gaps();
  private final ThreadUsage usage = new ThreadUsage();
  private long lookedNs;

  DutyCycle() {}

  /** The pager begins to look, or has waited for faults and works again. */
  void resumes(long nowNs) {
    lookedNs = nowNs;
    usage.read();
  }

  /** It looks at the guest's faults. */
  void looks(long nowNs) {
    long gapNs = nowNs - lookedNs;
    long workedNs = usage.workedNs();
    long waits = usage.waits();
    usage.read();
    all.note(gapNs);
    ours.note(usage.waits() != waits ? gapNs : Math.min(gapNs, usage.workedNs() - workedNs));
    lookedNs = nowNs;
  }

  /** From each look to the next. */
  public Gaps all() {
    return all;
  }

  /** Of each, what was our doing: the pager's work or wait, and not the scheduler's. */
  public Gaps ours() {
    return ours;
  }
}
