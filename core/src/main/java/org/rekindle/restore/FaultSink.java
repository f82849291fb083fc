package org.rekindle.restore;

/** Receives what a guest reports; called on the pager thread, within {@link Guest#drainFaults}. */
public interface FaultSink {
  /** No virtual CPU is known for a fault. */
  int VCPU_UNKNOWN = -1;

  /** A thread of the VMM waits that is known to be no virtual CPU. */
  int NOT_A_VCPU = -2;

  /**
   * The guest waits for what its memory manager calls a page: a unit of one page of ours, or of 512
   * where it has huge pages of 2 MiB.
   *
   * @param page dense page number of the first
   * @param pages how many pages the unit has
   * @param arrivalNs when the fault was read, on the clock of {@link System#nanoTime}
   * @param vcpu which virtual CPU waits, {@link #VCPU_UNKNOWN} or {@link #NOT_A_VCPU}
   * @param write whether it was a write, where the VMM tells; false otherwise
   */
  void fault(int page, int pages, long arrivalNs, int vcpu, boolean write);

  /**
   * The guest has given a range of its memory back (a balloon, {@code madvise}): from now on it
   * reads as zeros, until the guest writes to it. Nothing is placed there any more, and a fault
   * there is answered with zeros.
   */
  void removed(int page, int pages);
}
