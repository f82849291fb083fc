package org.rekindle.restore;

import java.util.Arrays;

/**
 * The faults that the guest is waiting for now, each on a unit of one or more consecutive pages.
 * Few at any time (a virtual CPU has one), so it is a plain table; it grows only if a guest has
 * more waiting threads than it ever had before.
 */
final class FaultTable {
  private static final byte NEW = 0;
  private static final byte WAITING = 1;
  private static final byte PLACED = 2;

  private int[] page = new int[64];
  private int[] pages = new int[64];
  private int[] missing = new int[64];
  private long[] arrivalNs = new long[64];
  private int[] vcpu = new int[64];
  private boolean[] write = new boolean[64];
  private byte[] state = new byte[64];
  private Cause[] cause = new Cause[64];
  private int size;
  private int placed;

  /**
   * A fault that nobody has looked at yet.
   *
   * @param missingPages how many of its pages are still to be placed
   */
  void add(int faultPage, int unitPages, int missingPages, long atNs, int byVcpu, boolean isWrite) {
    if (size == page.length) {
      grow();
    }
    page[size] = faultPage;
    pages[size] = unitPages;
    missing[size] = missingPages;
    arrivalNs[size] = atNs;
    vcpu[size] = byVcpu;
    write[size] = isWrite;
    state[size] = NEW;
    cause[size] = Cause.DEMAND;
    size++;
  }

  private void grow() {
    int capacity = page.length * 2;
    page = Arrays.copyOf(page, capacity);
    pages = Arrays.copyOf(pages, capacity);
    missing = Arrays.copyOf(missing, capacity);
    arrivalNs = Arrays.copyOf(arrivalNs, capacity);
    vcpu = Arrays.copyOf(vcpu, capacity);
    write = Arrays.copyOf(write, capacity);
    state = Arrays.copyOf(state, capacity);
    cause = Arrays.copyOf(cause, capacity);
  }

  int size() {
    return size;
  }

  /** The first page of the unit. */
  int page(int i) {
    return page[i];
  }

  int pages(int i) {
    return pages[i];
  }

  boolean isNew(int i) {
    return state[i] == NEW;
  }

  /** Somebody is bringing the page of this fault. */
  void waiting(int i) {
    state[i] = WAITING;
  }

  /** Nobody is bringing it after all, or not yet: look at it again. */
  void again(int i) {
    state[i] = NEW;
  }

  /** Whether the page of this fault is still to be placed. */
  boolean isAwaited(int i) {
    return state[i] != PLACED;
  }

  /**
   * Pages have been placed: every fault that waited for nothing else is served as soon as they have
   * been flushed.
   */
  void placed(int first, int count, Cause by) {
    for (int i = 0; i < size; i++) {
      int overlap = Math.min(first + count, page[i] + pages[i]) - Math.max(first, page[i]);
      if (overlap > 0 && state[i] != PLACED) {
        missing[i] -= overlap;
        if (missing[i] <= 0) {
          settle(i, by);
        }
      }
    }
  }

  /** The whole unit of a fault is in. */
  void settle(int i, Cause by) {
    state[i] = PLACED;
    cause[i] = by;
    placed++;
  }

  /**
   * The guest gave pages back: the faults on them are to be looked at again. So are those whose
   * pages count as placed: they may be about to be, and then they are not placed any more.
   */
  void removed(int first, int count) {
    for (int i = 0; i < size; i++) {
      if (page[i] < first + count && first < page[i] + pages[i]) {
        if (state[i] == PLACED) {
          placed--;
        }
        state[i] = NEW;
      }
    }
  }

  /** Whether there are faults which are served as soon as what was placed has been flushed. */
  boolean anyPlaced() {
    return placed > 0;
  }

  /** Everything placed has been flushed: logs those faults and forgets them. */
  void served(long nowNs, FaultLog log) {
    served(nowNs, log, true);
  }

  /** The same for those whose pages were placed as demanded; others may be left behind. */
  void demandedServed(long nowNs, FaultLog log) {
    served(nowNs, log, false);
  }

  private void served(long nowNs, FaultLog log, boolean lateOnes) {
    if (placed == 0) {
      return;
    }
    int kept = 0;
    int left = 0;
    for (int i = 0; i < size; i++) {
      if (state[i] == PLACED && (lateOnes || cause[i] != Cause.LATE)) {
        log.add(page[i], pages[i], arrivalNs[i], nowNs, cause[i], vcpu[i], write[i]);
      } else {
        left += state[i] == PLACED ? 1 : 0;
        move(i, kept++);
      }
    }
    size = kept;
    placed = left;
  }

  private void move(int from, int to) {
    page[to] = page[from];
    pages[to] = pages[from];
    missing[to] = missing[from];
    arrivalNs[to] = arrivalNs[from];
    vcpu[to] = vcpu[from];
    write[to] = write[from];
    state[to] = state[from];
    cause[to] = cause[from];
  }
}
