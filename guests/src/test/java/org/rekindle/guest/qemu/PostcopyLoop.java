package org.rekindle.guest.qemu;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.rekindle.image.MemoryMap;
import org.rekindle.restore.Guest;

/**
 * The simplest pager there is: all content in memory, faults first, then pages in a given order.
 */
final class PostcopyLoop {
  private static final byte[] ZEROS = new byte[MemoryMap.PAGE_BYTES];

  private final Guest guest;
  private final byte[] content;
  private final List<Integer> order;
  private final int before;

  /** Pages asked for, in order. */
  final List<Integer> faults = new ArrayList<>();

  PostcopyLoop(Guest guest, byte[] content, List<Integer> order, int before) {
    this.guest = guest;
    this.content = content;
    this.order = order;
    this.before = before;
  }

  /** Runs until the restore has ended; false if the guest went away. */
  boolean run() throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment page = arena.allocate(MemoryMap.PAGE_BYTES);
      ArrayDeque<Integer> asked = new ArrayDeque<>();
      int next = 0;
      boolean started = false;
      boolean finishing = false;
      while (!guest.finished()) {
        if (!guest.drainFaults(
            (PageRequests)
                number -> {
                  faults.add(number);
                  asked.add(number);
                })) {
          return false;
        }
        while (!asked.isEmpty()) {
          place(asked.remove(), page, true);
        }
        while (next < (started ? order.size() : before) && guest.ready()) {
          for (int i = 0; i < guest.batchPages() && next < (started ? order.size() : before); i++) {
            place(order.get(next++), page, false);
          }
          guest.flush();
        }
        if (!started && next == before) {
          guest.start();
          started = true;
        } else if (!finishing && next == order.size() && guest.flush()) {
          guest.finish();
          finishing = true;
        }
        if (!guest.flush() || finishing) {
          guest.await(1_000_000_000);
        }
      }
      return true;
    }
  }

  private void place(int number, MemorySegment page, boolean demanded) throws IOException {
    int at = number * MemoryMap.PAGE_BYTES;
    boolean zero = Arrays.equals(content, at, at + ZEROS.length, ZEROS, 0, ZEROS.length);
    if (!zero) {
      MemorySegment.copy(content, at, page, ValueLayout.JAVA_BYTE, 0, ZEROS.length);
    }
    guest.place(number, 1, zero ? null : page, 0, demanded);
  }
}
