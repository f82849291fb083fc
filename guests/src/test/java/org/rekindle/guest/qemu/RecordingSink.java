package org.rekindle.guest.qemu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;

/** Keeps what a stream's memory was in the end: pages by number, without the zero ones. */
final class RecordingSink implements StreamSink {
  private static final byte[] ZERO = new byte[MemoryMap.PAGE_BYTES];

  @Nullable MemoryMap memory;
  final TreeMap<Integer, byte[]> pages = new TreeMap<>();

  @Override
  public void memory(MemoryMap memory) {
    if (this.memory != null) {
      throw new IllegalStateException("memory is told twice");
    }
    this.memory = memory;
  }

  @Override
  public void page(int page, MemorySegment data, long offset) {
    check(page);
    byte[] bytes = data.asSlice(offset, MemoryMap.PAGE_BYTES).toArray(ValueLayout.JAVA_BYTE);
    if (Arrays.equals(bytes, ZERO)) {
      pages.remove(page);
    } else {
      pages.put(page, bytes);
    }
  }

  @Override
  public void zero(int page) {
    check(page);
    pages.remove(page);
  }

  private void check(int page) {
    if (memory == null || page < 0 || page >= memory.pages()) {
      throw new IllegalStateException("page " + page + " of " + memory);
    }
  }

  /** The byte that a page is filled with, or 0. */
  int fill(int page) {
    byte[] bytes = pages.getOrDefault(page, ZERO);
    return bytes[0] == bytes[MemoryMap.PAGE_BYTES - 1] ? bytes[0] : -1;
  }
}
