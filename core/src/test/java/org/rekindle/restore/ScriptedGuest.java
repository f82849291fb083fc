package org.rekindle.restore;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;

/**
 * A guest in the test's own memory: one virtual CPU that touches pages in a given order and stops
 * at each that is missing. Checks what every guest requires: no page twice, right contents, nothing
 * after the end, nothing but zeros where it gave pages back.
 */
class ScriptedGuest implements Guest {
  private final MemoryMap memory;
  private final IntFunction<byte[]> expected;
  private final int[] touches;
  private final Semaphore wakes = new Semaphore(0);
  final BitSet present = new BitSet();
  final List<Integer> placedInOrder = new ArrayList<>();
  final List<Integer> faulted = new ArrayList<>();
  int presentAtStart = -1;

  /** How often the pager found nothing to do. */
  int waits;

  /** The VMM dies when so many pages are in. */
  int diesAt = Integer.MAX_VALUE;

  /**
   * Every so many placements are refused once, as a userfaultfd does while the address space
   * changes.
   */
  int retryEvery = Integer.MAX_VALUE;

  /** It waits for units of so many pages, as with huge pages. */
  int unitPages = 1;

  /** What it gives back, first page and number, when so many pages are in or it is refused. */
  int @Nullable [] givesBack;

  int givesBackAt = Integer.MAX_VALUE;
  final BitSet givenBack = new BitSet();

  /** The most pages that were placed in one run. */
  int longestRun;

  /** Takes several flushes to get rid of what was placed, and never wakes up by itself. */
  boolean slowSocket;

  /**
   * So many of the touches come before it takes anything but what it waits for, and before it is
   * started.
   */
  int touchesBeforeReady;

  private int unflushed;
  private int placements;
  private int next;
  private int asked = -1;
  private boolean started;
  private boolean finished;

  ScriptedGuest(MemoryMap memory, IntFunction<byte[]> expected, int... touches) {
    this.memory = memory;
    this.expected = expected;
    this.touches = touches;
  }

  @Override
  public MemoryMap memory() {
    return memory;
  }

  @Override
  public int batchPages() {
    return 8;
  }

  @Override
  public void start() {
    assertThat(started).as("started twice").isFalse();
    started = true;
    presentAtStart = present.cardinality();
  }

  @Override
  public boolean drainFaults(FaultSink sink) {
    if (present.cardinality() >= diesAt) {
      return false;
    }
    giveBack(sink);
    boolean runs = started || takesDemandOnly();
    while (runs && next < touches.length && hasUnit(touches[next])) {
      next++;
    }
    if (runs && next < touches.length && asked != touches[next]) {
      asked = touches[next];
      faulted.add(asked);
      int unit = asked / unitPages * unitPages;
      sink.fault(unit, unitPages, System.nanoTime(), 0, false);
      sink.fault(unit, unitPages, System.nanoTime(), 1, false); // QEMU asks again for a second vCPU
    }
    return true;
  }

  private void giveBack(FaultSink sink) {
    int[] range = givesBack;
    if (range != null && present.cardinality() >= givesBackAt) {
      givesBack = null;
      if (asked >= 0 && hasUnit(asked)) {
        asked = -1; // if that goes, it finds it missing once more
      }
      givenBack.set(range[0], range[0] + range[1]);
      present.clear(range[0], range[0] + range[1]);
      sink.removed(range[0], range[1]);
    }
  }

  boolean hasTouchedAll() {
    return next == touches.length;
  }

  /** Whether it comes to its next touch by itself. */
  private boolean runsOn() {
    return next < touches.length && (asked != touches[next] || hasUnit(touches[next]));
  }

  private boolean hasUnit(int page) {
    int unit = page / unitPages * unitPages;
    return present.nextClearBit(unit) >= unit + unitPages;
  }

  @Override
  public boolean ready() {
    return unflushed == 0 && !takesDemandOnly();
  }

  @Override
  public boolean takesDemandOnly() {
    return next < touchesBeforeReady;
  }

  @Override
  public int place(
      int page, int pages, @Nullable MemorySegment data, long offset, boolean demanded) {
    assertThat(finished).as("placed after the end").isFalse();
    if (takesDemandOnly()) {
      assertThat(page).as("while only demand is taken").isEqualTo(asked);
      assertThat(pages).isEqualTo(1);
    }
    longestRun = Math.max(longestRun, pages);
    for (int i = 0; i < pages; i++) {
      if (++placements % retryEvery == 0) {
        return i; // a part of the run only
      }
      place(page + i, data, offset + (long) i * MemoryMap.PAGE_BYTES);
    }
    unflushed = slowSocket ? 2 : 0;
    return pages;
  }

  private void place(int page, @Nullable MemorySegment data, long offset) {
    assertThat(present.get(page)).as("page %d placed twice", page).isFalse();
    byte[] bytes =
        data == null
            ? new byte[MemoryMap.PAGE_BYTES]
            : data.asSlice(offset, MemoryMap.PAGE_BYTES).toArray(ValueLayout.JAVA_BYTE);
    byte[] right = givenBack.get(page) ? new byte[MemoryMap.PAGE_BYTES] : expected.apply(page);
    assertThat(bytes).as("page %d", page).isEqualTo(right);
    present.set(page);
    placedInOrder.add(page);
  }

  @Override
  public boolean flush() {
    unflushed = Math.max(0, unflushed - 1);
    return unflushed == 0;
  }

  @Override
  public void finish() {
    BitSet known = (BitSet) present.clone();
    known.or(givenBack);
    assertThat(known.cardinality()).as("pages at the end").isEqualTo(memory.pages());
    finished = true;
  }

  @Override
  public boolean finished() {
    return finished;
  }

  @Override
  public void await(long timeoutNs) {
    if (unflushed > 0 || (started && runsOn())) {
      return; // the socket is writable; there is a fault
    }
    waits++;
    try {
      if (wakes.tryAcquire(timeoutNs, TimeUnit.NANOSECONDS)) {
        wakes.drainPermits();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void wake() {
    wakes.release();
  }

  @Override
  public long firstInstructionNs() {
    return -1;
  }

  @Override
  public void close() {}
}
