package org.rekindle.restore;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Counts what the pager does. Written by the pager thread, readable by any (a progress line), a
 * little late.
 */
@SuppressWarnings("EnumOrdinal") // indexes of counters that never leave this class
public final class Tally {
  private static final VarHandle COUNT = MethodHandles.arrayElementVarHandle(long[].class);
  private static final int ZERO_PAGES = Cause.values().length;

  private final long[] counts = new long[ZERO_PAGES + 1];

  void placed(Cause cause, boolean zero, int pages) {
    COUNT.setOpaque(counts, cause.ordinal(), counts[cause.ordinal()] + pages);
    if (zero) {
      COUNT.setOpaque(counts, ZERO_PAGES, counts[ZERO_PAGES] + pages);
    }
  }

  /** Pages that need nothing more: placed so far for any cause, or given back by the guest. */
  public long placed() {
    long sum = 0;
    for (Cause cause : Cause.values()) {
      sum += placed(cause);
    }
    return sum;
  }

  /** Pages placed so far for this cause. */
  public long placed(Cause cause) {
    return (long) COUNT.getOpaque(counts, cause.ordinal());
  }

  /** Pages of zeros among all that were placed. */
  public long zeroPages() {
    return (long) COUNT.getOpaque(counts, ZERO_PAGES);
  }
}
