package org.rekindle.lab.simulator;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;
import org.rekindle.responsiveness.Stall;
import org.rekindle.restore.FaultSink;
import org.rekindle.restore.Guest;
import org.rekindle.workingset.Profile;

/**
 * A guest that does nothing but touch pages at given times of its own, and stands still at each
 * that is missing.
 */
final class TraceGuest implements Guest {
  /*
   * Its own time and the clock's differ by an offset: when its first instruction was, and all it has
   * waited since. The next missing page and the offset give the time of the next fault,
   * so what lies between is skipped without being looked at twice: pages do not go away again. For
   * the same reason touches of pages that were placed later than they were touched must be seen
   * before the placing is: every change of what is present is preceded by run().
   */
  private final MemoryMap memory;
  private final Profile touches;
  private final VirtualTime time;
  private final HostCosts costs;

  /** The restore ends with the last touch, whether all is in or not. */
  private final boolean endsWithTouches;

  private final BitSet present;
  private int[] unflushed = new int[64]; // runs that were placed: first page, number of pages
  private int unflushedRuns;
  private final List<Stall> stalls = new ArrayList<>();
  private int next; // rank of the touch
  private long firstInstructionNs = -1;
  private long offsetNs;
  private long waitingSinceNs = -1;
  private boolean asked;
  private boolean finished;
  private boolean woken;

  TraceGuest(
      MemoryMap memory,
      Profile touches,
      VirtualTime time,
      HostCosts costs,
      boolean endsWithTouches) {
    this.memory = memory;
    this.touches = touches;
    this.time = time;
    this.costs = costs;
    this.endsWithTouches = endsWithTouches;
    this.present = new BitSet(memory.pages());
  }

  @Override
  public MemoryMap memory() {
    return memory;
  }

  @Override
  public int batchPages() {
    return costs.batchPages();
  }

  @Override
  public void start() {
    firstInstructionNs = time.getAsLong() + costs.startupNs();
    offsetNs = firstInstructionNs;
  }

  /** Lets the guest do what it has done by now. */
  private void run() {
    if (!waits() && nextTouchNs() <= time.getAsLong()) {
      waitingSinceNs = nextTouchNs();
      asked = false;
    }
  }

  private boolean waits() {
    return waitingSinceNs >= 0;
  }

  /** When it will touch a missing page, if none is placed before. */
  private long nextTouchNs() {
    if (firstInstructionNs < 0) {
      return Long.MAX_VALUE;
    }
    while (next < touches.size() && present.get(touches.page(next))) {
      next++;
    }
    return next == touches.size() ? Long.MAX_VALUE : offsetNs + touches.touchNs(next);
  }

  /** When the pager can hear of the next fault. */
  private long nextFaultNs() {
    if (waits()) {
      return asked ? Long.MAX_VALUE : waitingSinceNs + costs.faultNs();
    }
    long touchNs = nextTouchNs();
    return touchNs == Long.MAX_VALUE ? touchNs : touchNs + costs.faultNs();
  }

  @Override
  public boolean drainFaults(FaultSink sink) {
    run();
    if (waits() && nextFaultNs() <= time.getAsLong()) {
      asked = true;
      sink.fault(touches.page(next), 1, waitingSinceNs, 0, false);
    }
    return true;
  }

  @Override
  public boolean ready() {
    return true;
  }

  @Override
  public int place(
      int page, int pages, @Nullable MemorySegment data, long offset, boolean demanded) {
    if (2 * unflushedRuns == unflushed.length) {
      unflushed = Arrays.copyOf(unflushed, 2 * unflushed.length);
    }
    unflushed[2 * unflushedRuns] = page;
    unflushed[2 * unflushedRuns + 1] = pages;
    unflushedRuns++;
    time.advanceTo(time.getAsLong() + pages * costs.placeNs());
    return pages;
  }

  @Override
  public boolean flush() {
    run();
    for (int i = 0; i < unflushedRuns; i++) {
      present.set(unflushed[2 * i], unflushed[2 * i] + unflushed[2 * i + 1]);
    }
    unflushedRuns = 0;
    if (waits() && present.get(touches.page(next))) {
      long nowNs = time.getAsLong();
      stalls.add(new Stall(waitingSinceNs, nowNs, 0));
      offsetNs += nowNs - waitingSinceNs;
      waitingSinceNs = -1;
    }
    return true;
  }

  @Override
  public void finish() {
    finished = true;
  }

  @Override
  public boolean finished() {
    return finished
        || (endsWithTouches && nextTouchNs() == Long.MAX_VALUE && firstInstructionNs >= 0);
  }

  @Override
  public void await(long timeoutNs) {
    long untilNs = Math.min(time.getAsLong() + timeoutNs, nextFaultNs());
    while (!woken && time.getAsLong() < untilNs) {
      time.advanceTo(Math.min(untilNs, time.nextNs()));
    }
    woken = false;
  }

  @Override
  public void wake() {
    woken = true;
  }

  @Override
  public long firstInstructionNs() {
    return firstInstructionNs;
  }

  /** When it stood still. */
  List<Stall> stalls() {
    return stalls;
  }

  @Override
  public void close() {}
}
