package org.rekindle.restore;

/** Why a page was placed when it was. */
public enum Cause {
  /** The guest waited for it, and it had to be read. */
  DEMAND,
  /** The guest waited for it, and it is a page of zeros. */
  DEMAND_ZERO,
  /** It came with the locality block of a page that the guest waited for. */
  NEIGHBOUR,
  /** The plan's prefetch brought it. */
  PREFETCH,
  /** The background fill brought it. */
  FILL,
  /** A page of zeros, placed without anybody waiting. */
  ZERO,
  /** The guest gave it back before it was placed: it reads as zeros, and nothing was placed. */
  REMOVED,
  /**
   * Log only: the guest asked for a page that was already on its way, which it then waited for;
   * nothing was placed.
   */
  LATE
}
