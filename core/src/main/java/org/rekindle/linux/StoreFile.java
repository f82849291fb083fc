package org.rekindle.linux;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * A file of page data, opened for the three ways of reading that a restore needs: around the page
 * cache for bulk, from the page cache only for a fault that must not wait, and through it for a
 * fault that has to.
 *
 * <p>Safe for use by several threads.
 */
public final class StoreFile implements AutoCloseable {
  /** {@link #readCached}: not all of the range is in the page cache. */
  public static final int NOT_CACHED = -1;

  private StoreFile() {}

  public static StoreFile open(Path file) throws IOException {
    throw new UnsupportedOperationException();
  }

  public long bytes() {
    throw new UnsupportedOperationException();
  }

  /**
   * Reads around the page cache (O_DIRECT; through it where the file system has none, see {@link
   * #isDirect}).
   *
   * @param offset multiple of 4096
   * @param into native memory aligned to 4096
   * @param bytes multiple of 4096; may reach beyond the end of the file
   * @return bytes read, less than asked for only at the end of the file
   */
  public int readDirect(long offset, MemorySegment into, int bytes) throws IOException {
    throw new UnsupportedOperationException();
  }

  /** Whether {@link #readDirect} really goes around the page cache. */
  public boolean isDirect() {
    throw new UnsupportedOperationException();
  }

  /**
   * Reads only if every byte is in the page cache: never waits for the device. {@link #NOT_CACHED}
   * otherwise.
   */
  public int readCached(long offset, MemorySegment into, int bytes) throws IOException {
    throw new UnsupportedOperationException();
  }

  /** Reads through the page cache, waiting for the device where it must. */
  public int readBuffered(long offset, MemorySegment into, int bytes) throws IOException {
    throw new UnsupportedOperationException();
  }

  /** How many bytes of the file are in the page cache (mincore). */
  public long residentBytes() throws IOException {
    throw new UnsupportedOperationException();
  }

  /**
   * Writes the file back and drops it from the page cache (posix_fadvise); verify by {@link
   * #residentBytes}.
   */
  public void dropFromCache() throws IOException {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {}
}
