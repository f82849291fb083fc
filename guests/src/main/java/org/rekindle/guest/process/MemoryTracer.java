package org.rekindle.guest.process;

import java.io.IOException;
import java.util.BitSet;
import org.rekindle.linux.UffdEvents;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.AccessTrace;

/** Sees the first read and the first write of every page of a process guest that runs. */
final class MemoryTracer {
  /*
   * VEE'11, section 4.2: every page begins with a read trace and a write trace. Here they are page table entries that are
   * not there, since the mapping was dropped (WatchedMemory). A page that was read is mapped again, but protected against
   * writing as long as somebody still needs what it holds; a page that was written is free.
   *
   * One thread does everything, so a page cannot be written between the question whether it was copied and the answer.
   * A guest thread whose page is being mapped sleeps until it is woken, and no other thread touches its part of the
   * memory: so between mapping and protecting a page nobody can slip a write in.
   */

  /** Faults that are waiting at a time: one for each worker. */
  private static final int EVENTS = 64;

  /** Is told before a page changes. */
  @FunctionalInterface
  interface BeforeWrite {
    void copy(int page) throws IOException;
  }

  private final WatchedMemory memory;
  private final BitSet free; // pages that may be written: whatever they held has been copied
  private final BeforeWrite beforeWrite;
  private final UffdEvents events = new UffdEvents(EVENTS);
  private final AccessTrace.Builder trace;
  private final BitSet seen;
  private final long startNs = System.nanoTime();
  private long tracingNs; // of the guest's time
  private int faults;

  /**
   * @param memory of the guest; the caller's to close
   * @param free pages that have been copied; the caller's, which adds to it
   */
  MemoryTracer(WatchedMemory memory, BitSet free, BeforeWrite beforeWrite) {
    this.memory = memory;
    this.free = free;
    this.beforeWrite = beforeWrite;
    this.trace = AccessTrace.of(memory.pages());
    this.seen = new BitSet(memory.pages());
  }

  /** Answers all faults that wait; false if there was none. */
  boolean serve() throws IOException {
    int count = memory.read(events);
    long fromNs = System.nanoTime();
    for (int i = 0; i < count; i++) {
      if (events.type(i) == UffdEvents.PAGEFAULT) {
        fault(i, fromNs);
      }
    }
    if (count > 0) {
      tracingNs += System.nanoTime() - fromNs;
    }
    return count > 0;
  }

  private void fault(int event, long nowNs) throws IOException {
    faults++;
    int page = memory.page(events, event);
    boolean write = events.write(event) || events.writeProtected(event);
    if (!seen.get(page)) {
      seen.set(page);
      trace.touch(page, nowNs - startNs - tracingNs, write ? Access.WRITE : Access.READ);
    }
    if (write) {
      beforeWrite.copy(page);
    }
    if (events.writeProtected(event)) {
      memory.unprotect(page);
      return;
    }
    memory.map(page, events.minor(event));
    if (!free.get(page)) {
      memory.protect(page);
    }
    memory.wake(page);
  }

  /** How many faults the traces have cost. */
  int faults() {
    return faults;
  }

  /** Touches so far, in the guest's own time: without what tracing has taken of it. */
  AccessTrace trace() {
    return trace.savedAt(Math.max(0, System.nanoTime() - startNs - tracingNs));
  }
}
