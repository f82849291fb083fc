package org.rekindle.workingset;

/** How a page was first touched, where the source of the trace can tell. */
public enum Access {
  UNKNOWN,
  READ,
  WRITE
}
