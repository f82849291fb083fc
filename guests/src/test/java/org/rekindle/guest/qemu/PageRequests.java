package org.rekindle.guest.qemu;

import org.rekindle.restore.FaultSink;

/** Hears the faults of a QEMU, which asks for single pages and never gives any back. */
@FunctionalInterface
interface PageRequests extends FaultSink {
  /** Whoever is not interested in them. */
  PageRequests IGNORED = _ -> {};

  void request(int page);

  @Override
  default void fault(int page, int pages, long arrivalNs, int vcpu, boolean write) {
    if (pages != 1) {
      throw new AssertionError(pages + " pages at once");
    }
    request(page);
  }

  @Override
  default void removed(int page, int pages) {
    throw new AssertionError("page " + page + " given back");
  }
}
