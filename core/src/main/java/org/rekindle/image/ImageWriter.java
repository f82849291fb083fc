package org.rekindle.image;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Creates an image: pages as they come, then device state, then {@link #commit}. Closing without a
 * commit leaves nothing behind.
 *
 * <p>For one thread. The caller's thread looks for zero and identical pages and copies the others;
 * a second thread compresses and writes them.
 */
public final class ImageWriter implements AutoCloseable {
  private static final MemorySegment ZEROS =
      MemorySegment.ofArray(new long[MemoryMap.PAGE_BYTES / Long.BYTES]).asReadOnly();

  /**
   * How an image is laid out.
   *
   * @param codec what to try first; a block that does not shrink is stored raw
   * @param blockPages pages of a locality block: 1 to 256
   */
  public record Options(Codec codec, int blockPages) {
    /*
     * SaveThroughput, 700 MB of half compressible pages from memory, warm, best of the runs on two
     * cores that others used as well:
     *
     *          pages taken in   durable after   processor time   page file
     *   LZ4            540 ms          774 ms           1.3 s      511 MB
     *   zstd           781 ms        1,127 ms           2.0 s      455 MB
     *
     * A stock QEMU 7.2 wrote the same amount by exec:cat in 590 to 630 ms, not durable: zstd would
     * hold it up on two cores. LZ4 blocks were read, checked and decoded at 2.8 GB/s, zstd blocks at
     * 1.6. Where the disk is slow and nobody waits for the save, zstd reads 11 % fewer bytes here.
     *
     * 8 pages: a fault waits for its block to be read, checked and decoded. For a 1 GiB guest (the
     * demo's, LZ4), lazily restored from a warm cache:
     *
     *   pages of a block   fault service, median   p99     page file
     *   16                 33 us                   80 us   526 MB
     *    8                 17 us                   42 us   533 MB
     *    4                 11 us                   38 us   540 MB
     *
     * Saving took the same processor time. Why not 4: what a miss brings along (its block) is worth
     * most where a read costs a seek, and 8 pages of neighbours are few enough there.
     */
    public static final Options DEFAULT = new Options(Codec.LZ4, 8);

    /**
     * Of the hot store. It is read by prefetching, which is to run at the speed of the disk on part
     * of one core: LZ4 decodes about three times as fast as zstd.
     */
    public static final Options HOT = new Options(Codec.LZ4, 16);

    public Options {
      if (blockPages < 1 || blockPages > 256) {
        throw new IllegalArgumentException("a block has 1 to 256 pages: " + blockPages);
      }
    }
  }

  private final PartialDirectory directory;
  private final MemoryMap memory;
  private final Options options;
  private final StorePipeline pages;
  private final KnownPages known = new KnownPages();
  private final int[] slotOfPage;
  private byte @Nullable [] deviceState;

  private ImageWriter(PartialDirectory directory, MemoryMap memory, Options options)
      throws IOException {
    this.directory = directory;
    this.memory = memory;
    this.options = options;
    slotOfPage = new int[memory.pages()];
    Arrays.fill(slotOfPage, StoreIndex.NONE);
    pages = new StorePipeline(directory.path().resolve(ImageFiles.BASE_PAGES), options);
  }

  /**
   * Whether an image could be created, for whoever has something to lose by hearing it late.
   *
   * @throws java.nio.file.FileAlreadyExistsException if the directory exists
   * @throws IOException if there is no place for it
   */
  public static void checkTarget(Path directory) throws IOException {
    PartialDirectory.checkTarget(directory);
  }

  /**
   * Starts an image under a temporary name beside {@code directory}.
   *
   * @throws java.nio.file.FileAlreadyExistsException if the directory exists
   */
  public static ImageWriter create(Path directory, MemoryMap memory, Options options)
      throws IOException {
    ImageFiles.checkSize(memory);
    PartialDirectory partial = PartialDirectory.create(directory);
    try {
      return new ImageWriter(partial, memory, options);
    } catch (IOException | RuntimeException | Error e) {
      try (partial) {
        throw e;
      }
    }
  }

  /**
   * Adds a page; the last one given for a page number counts. Pages never given are zero.
   *
   * @param data memory that holds the page at {@code offset}; no longer looked at when this returns
   * @throws IOException if writing this page or an earlier one has failed; says where and why
   */
  public void page(int page, MemorySegment data, long offset) throws IOException {
    pages.check();
    if (isZero(data, offset)) {
      slotOfPage[page] = StoreIndex.NONE;
      return;
    }
    int next = known.slots();
    int slot = known.slotOf(data, offset);
    if (slot == next) {
      pages.page(data, offset);
    }
    slotOfPage[page] = slot;
  }

  private static boolean isZero(MemorySegment data, long offset) {
    return MemorySegment.mismatch(
            data, offset, offset + MemoryMap.PAGE_BYTES, ZEROS, 0, MemoryMap.PAGE_BYTES)
        == -1;
  }

  /** Says that a page is zero: one that was given before, or is known to be. */
  public void zero(int page) throws IOException {
    pages.check();
    slotOfPage[page] = StoreIndex.NONE;
  }

  /** Pages that are not zero, of those given so far. */
  public int nonZeroPages() {
    int pages = 0;
    for (int slot : slotOfPage) {
      if (slot != StoreIndex.NONE) {
        pages++;
      }
    }
    return pages;
  }

  public void deviceState(byte[] state) throws IOException {
    pages.check();
    deviceState = state.clone();
  }

  /**
   * Makes everything durable and gives the image its name.
   *
   * @return bytes of the image's files
   * @throws IllegalArgumentException if the manifest describes other memory than was given at first
   */
  public long commit(Manifest manifest) throws IOException {
    if (!manifest.memory().equals(memory)) {
      throw new IllegalArgumentException(
          "the manifest has memory " + manifest.memory() + ", the image " + memory);
    }
    StoreIndex index = new StoreIndex(pages.finish(), slotOfPage);
    ImageFiles.Store base =
        ImageFiles.writeIndex(
            directory.path(), index, ImageFiles.BASE_PAGES, ImageFiles.BASE_INDEX, options);
    ImageFiles.Blob device =
        ImageFiles.write(
            directory.path(),
            ImageFiles.DEVICE_STATE,
            deviceState == null ? new byte[0] : deviceState);
    Durable.write(
        directory.path().resolve(ImageFiles.MANIFEST),
        ManifestFile.encode(new ImageFiles(manifest, 0, device, base, null, null, null)));
    long bytes = directory.fileBytes();
    directory.commit();
    return bytes;
  }

  /** Ends the writing thread and, unless the image was committed, deletes what was written. */
  @Override
  public void close() throws IOException {
    try (directory) {
      pages.close();
    }
  }
}
