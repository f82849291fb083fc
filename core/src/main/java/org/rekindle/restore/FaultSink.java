package org.rekindle.restore;

/** Receives what a guest reports; called on the pager thread. */
public interface FaultSink {
  /** No virtual CPU is known for a fault. */
  int VCPU_UNKNOWN = -1;

  /**
   * The guest waits for a page.
   *
   * @param page dense page number
   * @param arrivalNs when the fault was read, on the clock of {@link System#nanoTime}
   * @param vcpu which virtual CPU waits, or {@link #VCPU_UNKNOWN}
   * @param write whether it was a write, where the VMM tells; false otherwise
   */
  void fault(int page, long arrivalNs, int vcpu, boolean write);
}
