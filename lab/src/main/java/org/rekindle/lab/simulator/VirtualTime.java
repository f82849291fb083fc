package org.rekindle.lab.simulator;

import java.util.PriorityQueue;
import java.util.function.LongSupplier;

/** A clock that stands still until it is told to go on, and what is to happen when. */
final class VirtualTime implements LongSupplier {
  private record Event(long atNs, long number, Runnable action) implements Comparable<Event> {
    @Override
    public int compareTo(Event other) {
      int byTime = Long.compare(atNs, other.atNs);
      return byTime != 0 ? byTime : Long.compare(number, other.number);
    }
  }

  private final PriorityQueue<Event> events = new PriorityQueue<>();
  private long nowNs;
  private long eventsSoFar;

  VirtualTime(long startNs) {
    nowNs = startNs;
  }

  @Override
  public long getAsLong() {
    return nowNs;
  }

  /** Lets something happen at a time that is not over; at the same time in the order of calls. */
  void at(long ns, Runnable action) {
    if (ns < nowNs) {
      throw new IllegalArgumentException(ns + " ns is over, it is " + nowNs);
    }
    events.add(new Event(ns, eventsSoFar++, action));
  }

  /** When something happens next; {@link Long#MAX_VALUE} if nothing will. */
  long nextNs() {
    Event next = events.peek();
    return next == null ? Long.MAX_VALUE : next.atNs;
  }

  /** Goes on to this time; all that happens until then, or at that time, happens. */
  void advanceTo(long ns) {
    while (nextNs() <= ns) {
      Event next = events.remove();
      nowNs = next.atNs;
      next.action.run();
    }
    nowNs = Math.max(nowNs, ns);
  }
}
