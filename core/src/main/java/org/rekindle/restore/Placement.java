package org.rekindle.restore;

/**
 * What became of a page that was placed: the outcomes that the kernel or the VMM can give in normal
 * operation.
 */
public enum Placement {
  /** It is in, or on its way in order. */
  PLACED,
  /** The guest has that page already. */
  EXISTED,
  /** Not now: the guest's address space is changing; drain the events and place it again. */
  RETRY,
  /** The guest has died or unmapped the range. */
  VANISHED
}
