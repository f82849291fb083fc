package org.rekindle.guest.criu;

import org.rekindle.image.MemoryMap;

/** Consecutive pages of a process. */
record PageRange(long address, int pages) {
  /** User space ends below this with four and with five levels of page tables, on all machines. */
  static final long ADDRESS_LIMIT = 1L << 56;

  long end() {
    return address + (long) pages * MemoryMap.PAGE_BYTES;
  }

  /** Whether an address is one that a page of a process can have. */
  static boolean isPage(long address) {
    return address >= 0 && address < ADDRESS_LIMIT && address % MemoryMap.PAGE_BYTES == 0;
  }
}
