package org.rekindle.restore;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * A bounded queue from one thread to one other, without locks and without garbage (Lamport 1983,
 * with the release and acquire orders that it needs).
 */
final class SpscRing<T> {
  private static final VarHandle TAIL;
  private static final VarHandle HEAD;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      TAIL = lookup.findVarHandle(SpscRing.class, "tail", long.class);
      HEAD = lookup.findVarHandle(SpscRing.class, "head", long.class);
    } catch (ReflectiveOperationException impossible) {
      throw new ExceptionInInitializerError(impossible);
    }
  }

  private final @Nullable Object[] slots;
  private final int mask;
  private long head; // next to take; written by the consumer
  private long tail; // next to fill; written by the producer

  /** Room for at least {@code capacity} elements. */
  SpscRing(int capacity) {
    slots = new @Nullable Object[Integer.highestOneBit(Math.max(2, capacity) * 2 - 1)];
    mask = slots.length - 1;
  }

  /** Producer: adds an element; false if the ring is full. */
  boolean offer(T element) {
    long at = tail;
    if (at - (long) HEAD.getAcquire(this) == slots.length) {
      return false;
    }
    slots[(int) at & mask] = element;
    TAIL.setRelease(this, at + 1);
    return true;
  }

  /** Consumer: takes the oldest element, or null if there is none. */
  @SuppressWarnings("unchecked")
  @Nullable T poll() {
    long at = head;
    if (at == (long) TAIL.getAcquire(this)) {
      return null;
    }
    T element = (T) slots[(int) at & mask];
    slots[(int) at & mask] = null;
    HEAD.setRelease(this, at + 1);
    return element;
  }

  boolean isEmpty() {
    return (long) HEAD.getAcquire(this) == (long) TAIL.getAcquire(this);
  }
}
