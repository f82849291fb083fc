package org.rekindle.guest.process.inside;

/** What the guest's memory is. */
public enum Backing {
  /** A memory file that is mapped shared: its content outlives the mapping of a page. */
  MEMFD,
  /** Private anonymous memory, as Firecracker's. */
  ANONYMOUS
}
