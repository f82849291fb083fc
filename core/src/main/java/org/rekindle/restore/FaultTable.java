package org.rekindle.restore;

import java.util.Arrays;

/**
 * The faults that the guest is waiting for now. Few at any time (a virtual CPU has one), so it is a
 * plain table; it grows only if a guest has more waiting threads than it ever had before.
 */
final class FaultTable {
  private static final byte NEW = 0;
  private static final byte WAITING = 1;
  private static final byte PLACED = 2;

  private int[] page = new int[64];
  private long[] arrivalNs = new long[64];
  private int[] vcpu = new int[64];
  private boolean[] write = new boolean[64];
  private byte[] state = new byte[64];
  private Cause[] cause = new Cause[64];
  private int size;
  private int placed;

  /** A fault that nobody has looked at yet. */
  void add(int faultPage, long atNs, int byVcpu, boolean isWrite) {
    if (size == page.length) {
      grow();
    }
    page[size] = faultPage;
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
    arrivalNs = Arrays.copyOf(arrivalNs, capacity);
    vcpu = Arrays.copyOf(vcpu, capacity);
    write = Arrays.copyOf(write, capacity);
    state = Arrays.copyOf(state, capacity);
    cause = Arrays.copyOf(cause, capacity);
  }

  int size() {
    return size;
  }

  int page(int i) {
    return page[i];
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

  /** The page has been placed: every fault on it is served as soon as it has been flushed. */
  void placed(int candidate, Cause by) {
    for (int i = 0; i < size; i++) {
      if (page[i] == candidate && state[i] != PLACED) {
        state[i] = PLACED;
        cause[i] = by;
        placed++;
      }
    }
  }

  /** Everything placed has been flushed: logs those faults and forgets them. */
  void served(long nowNs, FaultLog log) {
    if (placed == 0) {
      return;
    }
    int kept = 0;
    for (int i = 0; i < size; i++) {
      if (state[i] == PLACED) {
        log.add(page[i], arrivalNs[i], nowNs, cause[i], vcpu[i], write[i]);
      } else {
        move(i, kept++);
      }
    }
    size = kept;
    placed = 0;
  }

  private void move(int from, int to) {
    page[to] = page[from];
    arrivalNs[to] = arrivalNs[from];
    vcpu[to] = vcpu[from];
    write[to] = write[from];
    state[to] = state[from];
    cause[to] = cause[from];
  }
}
