package org.rekindle.guest.qemu;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.rekindle.image.MemoryMap;

/**
 * Takes the memory of a migration stream as it is read. {@link #memory} comes once, before any
 * page; a page may come several times if the guest ran while it was saved, and the last one counts.
 */
interface StreamSink {
  void memory(MemoryMap memory) throws IOException;

  /**
   * A page with data.
   *
   * @param data memory that holds the page at {@code offset}, valid until this returns
   */
  void page(int page, MemorySegment data, long offset) throws IOException;

  void zero(int page) throws IOException;
}
