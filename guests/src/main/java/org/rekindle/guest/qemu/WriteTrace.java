package org.rekindle.guest.qemu;

import java.util.Arrays;
import java.util.BitSet;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.AccessTrace;

/**
 * Sees in the order of a background snapshot's pages which of them the guest was about to write.
 */
final class WriteTrace {
  /*
   * With background-snapshot QEMU stops the guest for a moment, takes its device state, protects all of its memory
   * against writing, and lets it run. One thread then sends every page once, from the first to the last, and takes the
   * protection from each. Before each page it looks whether the guest waits to write one that is still protected: that
   * page goes next, and the walk goes on behind it, to the next page that has not been sent, round the end of the memory
   * if need be (QEMU 7.2 to 10.2, migration/ram.c).
   *
   * So a page that is not the next unsent one behind its predecessor was sent because it was to be written. That is all
   * that the stream tells, and it is VEE'11's write trace: what a checkpointed guest writes after the instant of its
   * checkpoint it will write again when it is restored.
   *
   * What is not seen: writes to pages that the walk had been to before, so the walk must be slow (LiveSink); the page
   * behind one that was to be written, if it is to be written next; reads. What is seen though it was not written: if
   * two virtual CPUs wait at once, and the walk has just sent the page of one of them, QEMU goes on behind that page,
   * which looks like a jump; and a page in which the guest has put what was there before.
   *
   * The order is kept as runs of pages in a row, because nearly all of it is the walk: a few bytes for each jump.
   */

  private static final int FIRST_RUNS = 1024;

  private final BitSet came = new BitSet();
  private int[] firsts = new int[FIRST_RUNS];
  private int[] ends = new int[FIRST_RUNS];
  private long[] atNs = new long[FIRST_RUNS];
  private int runs;

  /**
   * A page has come.
   *
   * @return whether it lies right behind the one before it, as on the walk
   */
  boolean came(int page, long nowNs) {
    came.set(page);
    if (runs > 0 && ends[runs - 1] == page) {
      ends[runs - 1]++;
      return true;
    }
    if (runs == firsts.length) {
      firsts = Arrays.copyOf(firsts, 2 * runs);
      ends = Arrays.copyOf(ends, 2 * runs);
      atNs = Arrays.copyOf(atNs, 2 * runs);
    }
    firsts[runs] = page;
    ends[runs] = page + 1;
    atNs[runs] = nowNs;
    runs++;
    return false;
  }

  /**
   * The writes that were seen, when all pages have come. (Pages that never came are no part of the
   * walk: QEMU leaves out what is unplugged.)
   *
   * @param runningFromNs when the guest ran again
   * @param endNs when the last page had come
   */
  AccessTrace writes(int memoryPages, long runningFromNs, long endNs) {
    AccessTrace.Builder trace = AccessTrace.of(memoryPages);
    BitSet left = (BitSet) came.clone();
    int behind = 0;
    for (int run = 0; run < runs; run++) {
      int next = left.nextSetBit(behind);
      if (next < 0) {
        next = left.nextSetBit(0);
      }
      if (firsts[run] != next) {
        trace.touch(firsts[run], Math.max(0, atNs[run] - runningFromNs), Access.WRITE);
      }
      left.clear(firsts[run], ends[run]);
      behind = ends[run];
    }
    return trace.savedAt(Math.max(0, endNs - runningFromNs));
  }
}
