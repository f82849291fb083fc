package org.rekindle.guest.process;

import java.io.IOException;
import java.util.BitSet;
import org.rekindle.image.MemoryMap;
import org.rekindle.linux.Errno;
import org.rekindle.linux.LinuxException;
import org.rekindle.linux.UffdEvents;
import org.rekindle.linux.Userfaultfd;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.AccessTrace;

/** Sees the first read and the first write of every page of a process guest that runs. */
final class MemoryTracer {
  /*
   * VEE'11, section 4.2: every page begins with a read trace and a write trace. Here they are page table entries that are
   * not there: the memory is a file, its pages stay in it when the mapping is dropped, and a touch is a minor fault, which
   * the kernel tells with its kind and resolves in microseconds, without a copy. A page that was read is mapped again, but
   * protected against writing as long as somebody still needs what it holds; a page that was written is free.
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

  private final Userfaultfd uffd;
  private final long address;
  private final BitSet free; // pages that may be written: whatever they held has been copied
  private final BeforeWrite beforeWrite;
  private final UffdEvents events = new UffdEvents(EVENTS);
  private final AccessTrace.Builder trace;
  private final BitSet seen;
  private final long startNs = System.nanoTime();
  private long tracingNs; // of the guest's time
  private int faults;

  /**
   * @param address of the memory in the guest's process
   * @param free pages that have been copied; the caller's, which adds to it
   */
  MemoryTracer(
      Userfaultfd uffd, long address, int memoryPages, BitSet free, BeforeWrite beforeWrite) {
    this.uffd = uffd;
    this.address = address;
    this.free = free;
    this.beforeWrite = beforeWrite;
    this.trace = AccessTrace.of(memoryPages);
    this.seen = new BitSet(memoryPages);
  }

  /** Answers all faults that wait; false if there was none. */
  boolean serve() throws IOException {
    int count = uffd.read(events);
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
    int page = (int) ((events.address(event) - address) / MemoryMap.PAGE_BYTES);
    long at = address + (long) page * MemoryMap.PAGE_BYTES;
    boolean write = events.write(event) || events.writeProtected(event);
    if (!seen.get(page)) {
      seen.set(page);
      trace.touch(page, nowNs - startNs - tracingNs, write ? Access.WRITE : Access.READ);
    }
    if (write) {
      beforeWrite.copy(page);
    }
    if (events.writeProtected(event)) {
      require(uffd.writeProtect(at, MemoryMap.PAGE_BYTES, false), "let a page be written");
      return;
    }
    map(at, events.minor(event));
    if (!free.get(page)) {
      require(uffd.writeProtect(at, MemoryMap.PAGE_BYTES, true), "protect a page");
    }
    require(uffd.wake(at, MemoryMap.PAGE_BYTES), "wake the guest");
  }

  /** Maps a page again; one that the file does not have is one of zeros. */
  private void map(long at, boolean isInFile) throws IOException {
    long mapped;
    do {
      mapped =
          isInFile
              ? uffd.map(at, MemoryMap.PAGE_BYTES, false)
              : uffd.zero(at, MemoryMap.PAGE_BYTES, false);
    } while (mapped == -Errno.EAGAIN);
    if (mapped != -Errno.EEXIST) {
      require((int) Math.min(0, mapped), "map a page");
    }
  }

  private static void require(int result, String what) throws LinuxException {
    if (result < 0) {
      throw new LinuxException(what + " of the process guest", -result);
    }
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
