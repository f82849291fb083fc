package org.rekindle.guest.firecracker;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** Guest memory as something on disk holds it: a memory file, a difference over one, an image. */
interface MemoryLayer extends AutoCloseable {
  /** Takes pages. */
  interface Sink {
    /**
     * A page.
     *
     * @param data memory that holds it at {@code offset}; not to be looked at afterwards
     */
    void page(int page, MemorySegment data, long offset) throws IOException;
  }

  /** Pages of all of it. */
  int pages();

  /** Hands on the pages from {@code from} to {@code end}, in order; what it leaves out is zero. */
  void copy(int from, int end, Sink sink) throws IOException;

  @Override
  void close() throws IOException;
}
