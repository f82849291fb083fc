package org.rekindle.restore;

import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.image.PageStore;

/**
 * Where the pager gets decoded blocks from: in plan order ahead of need, singly on demand, or at
 * hand at once. The pager never waits for a device; what stands behind this interface does.
 *
 * <p>All methods are called by the pager thread. None of them blocks, except {@link #start} and
 * {@link #close}; the others allocate nothing.
 */
public interface BlockSource extends AutoCloseable {
  /** Opens the source of one restore. */
  @FunctionalInterface
  interface Opener {
    /**
     * Opens it; nothing is read before {@link BlockSource#start}.
     *
     * @param sequence what is to be fetched in bulk
     * @param claims which pages are in: their blocks need not be fetched
     * @param wakePager to be called when a block has come; from any thread
     */
    BlockSource open(FetchSequence sequence, ClaimBitmap claims, Runnable wakePager)
        throws IOException;
  }

  /**
   * Opens the files of an image.
   *
   * @param beforeRead is called before each read of a device, by the thread that reads: for
   *     experiments with storage that is farther away
   */
  static Opener files(Image image, Plan plan, Runnable beforeRead) {
    return (sequence, claims, wakePager) ->
        new FileSource(image.base(), plan.hot(), null, beforeRead, sequence, claims, wakePager);
  }

  ReaderLimits limits();

  /** Buffers for blocks that are read on demand; from now on the pager's. */
  BlockBuffer[] demandBuffers();

  /** Begins to fetch in bulk. */
  void start();

  /**
   * The next block of the sequence, or null if none has come yet.
   *
   * @throws IOException that ended a reader
   */
  @Nullable BlockBuffer poll() throws IOException;

  /** Gives a buffer of {@link #poll} back. */
  void release(BlockBuffer buffer);

  /**
   * Whether the sequence brings a block so soon that a read of its own would take longer: it is on
   * its way, or in the extent that is read next.
   */
  boolean bringsSoon(PageStore store, int block);

  /** Whether a block is at hand, decoded already. */
  boolean isDecoded(PageStore store, int block);

  /**
   * Puts a block that is at hand (decoded, or in the page cache) into a demand buffer, if it is.
   */
  boolean fetchAtHand(PageStore store, int block, BlockBuffer into) throws IOException;

  /**
   * How long reading what is left of the sequence's fill would take in one go, by the bulk reads so
   * far; infinite as long as they do not tell.
   */
  double inOneGoNs();

  /** From now on reads it in one go, whatever is asked for: the sequence brings everything soon. */
  void readInOneGo();

  /** Asks for the block that a demand buffer names to be read into it. */
  void request(BlockBuffer buffer);

  /**
   * A demand buffer that has been filled as requested, or null.
   *
   * @throws IOException that ended a reader
   */
  @Nullable BlockBuffer pollRequested() throws IOException;

  /** Bytes read so far. */
  long bytesRead();

  /** In how many reads. */
  long reads();

  @Override
  void close() throws IOException;
}
