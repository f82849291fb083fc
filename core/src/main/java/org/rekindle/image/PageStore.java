package org.rekindle.image;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * One file of page data with its index: pages in locality blocks, each block read, checked and
 * decoded as one.
 *
 * <p>An image has a <em>base</em> store (every page that is not zero, in guest-physical order or as
 * pages are touched together) and may have a <em>hot</em> store (a second copy of the working set
 * in first-touch order, so that prefetching it is one sequential read). Identical pages are stored
 * once, so a block may serve more pages than it has slots.
 *
 * <p>Immutable and shared by all threads, except for the {@link Decoder}s, of which each thread has
 * its own.
 */
public interface PageStore {
  /** The file that holds the blocks, end to end from {@code offset(0)} on. */
  Path file();

  int blocks();

  /** Where a block starts in the file. */
  long offset(int block);

  /** Bytes of a block in the file. */
  int storedBytes(int block);

  /**
   * Whether the bytes of a block in the file are its pages: then it may be read to where it is to
   * be decoded.
   */
  boolean isRaw(int block);

  /** Page-sized slots of a block: it decodes to {@code slots(block) * 4096} bytes. */
  int slots(int block);

  /** The most slots that any block of this store has. */
  int maxSlots();

  /** The largest {@link #storedBytes} of any block of this store. */
  int maxStoredBytes();

  /**
   * The block that holds a page, or -1 if the page is not in this store (in the base store: it is
   * zero).
   */
  int blockOf(int page);

  /** The slot of a page in its block; only for pages that are in this store. */
  int slotOf(int page);

  /**
   * How many pages a block serves: more than its slots where pages are identical, fewer (even none)
   * where pages were saved twice and the later copy counts.
   */
  int pagesServed(int block);

  /** The {@code k}-th page that a block serves, ascending by slot. */
  int servedPage(int block, int k);

  /** A decoder for one thread. */
  Decoder newDecoder();

  /** Checks and decodes blocks; owns the codec contexts of one thread. */
  interface Decoder extends AutoCloseable {
    /**
     * Decodes a block.
     *
     * <p>Allocates nothing as long as the caller passes the same few segments again and again
     * (whole buffers and offsets into them, not a fresh slice each time).
     *
     * @param stored native memory of less than 2 GiB that has the {@link #storedBytes} bytes read
     *     at {@link #offset}, from {@code storedOffset} on
     * @param raw native memory of less than 2 GiB (the same place, if {@link #isRaw}) that takes
     *     {@code slots(block) * 4096} bytes from {@code rawOffset} on
     * @throws CorruptImageException if the checksum or the codec says that the bytes are damaged
     */
    void decode(
        int block, MemorySegment stored, long storedOffset, MemorySegment raw, long rawOffset)
        throws CorruptImageException;

    @Override
    void close();
  }
}
