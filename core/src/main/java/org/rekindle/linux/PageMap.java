package org.rekindle.linux;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.BitSet;

/**
 * Which pages of a process are mapped now (Linux's Documentation/admin-guide/mm/pagemap.rst). Needs
 * the right to trace the process.
 */
public final class PageMap implements AutoCloseable {
  private static final int PAGE_BYTES = 4096;
  private static final int ENTRY_BYTES = 8;

  /** The highest bit of an entry: a page is mapped there. */
  private static final int PRESENT = 63;

  private final Path file;
  private final FileChannel channel;

  private PageMap(Path file) throws IOException {
    this.file = file;
    this.channel = FileChannel.open(file);
  }

  /**
   * Opens that of a process.
   *
   * @throws java.nio.file.NoSuchFileException if there is no such process
   * @throws java.nio.file.AccessDeniedException if this one may not trace it
   */
  public static PageMap open(long pid) throws IOException {
    return new PageMap(Path.of("/proc", Long.toString(pid), "pagemap"));
  }

  /**
   * Sets the bits of those pages that are mapped; others stay.
   *
   * @param address of the first page
   * @param first number of the first page in {@code into}
   */
  public void present(long address, int pages, BitSet into, int first) throws IOException {
    ByteBuffer entries = ByteBuffer.allocate(pages * ENTRY_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    long position = Long.divideUnsigned(address, PAGE_BYTES) * ENTRY_BYTES;
    while (entries.hasRemaining()) {
      int read = channel.read(entries, position + entries.position());
      if (read <= 0) {
        throw new EOFException("%s has no entry for 0x%x: has it ended?".formatted(file, address));
      }
    }
    for (int i = 0; i < pages; i++) {
      if (entries.getLong(i * ENTRY_BYTES) >>> PRESENT != 0) {
        into.set(first + i);
      }
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
