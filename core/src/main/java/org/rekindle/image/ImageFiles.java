package org.rekindle.image;

import java.io.IOException;
import java.nio.file.Path;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Which files make up an image: what its manifest says beside the guest itself.
 *
 * @param generation how often the image was changed; part of the names of the files that changed
 * @param hot the second copy of the working set, once there is a profile
 * @param runs the runs that the profile was merged of, if they are kept
 */
record ImageFiles(
    Manifest manifest,
    int generation,
    Blob deviceState,
    Store base,
    @Nullable Store hot,
    @Nullable Blob profile,
    @Nullable Blob runs) {
  static final String MANIFEST = "manifest.json";
  static final String DEVICE_STATE = "device.state";
  static final String BASE_PAGES = "base.pages";
  static final String BASE_INDEX = "base.index";

  /** 1 TiB: the opened index of a larger guest would take more than 3 GiB of heap. */
  private static final int MAX_GUEST_PAGES = 1 << 28;

  /** A file that is read, and verified, as a whole. */
  record Blob(String name, long bytes, int crc32c) {}

  /**
   * A page file with its index.
   *
   * @param codec what was tried first; the index knows what each block got
   * @param blockPages the most slots of a block
   * @param pages how many pages of the guest it serves
   */
  record Store(
      String pageFile,
      long pageFileBytes,
      Blob index,
      Codec codec,
      int blockPages,
      int blocks,
      int slots,
      int pages) {}

  /** Of a base that was laid out anew. */
  static String basePages(int generation) {
    return "base." + generation + ".pages";
  }

  static String baseIndex(int generation) {
    return "base." + generation + ".index";
  }

  static String hotPages(int generation) {
    return "hot." + generation + ".pages";
  }

  static String hotIndex(int generation) {
    return "hot." + generation + ".index";
  }

  static String profile(int generation) {
    return "profile." + generation;
  }

  static String runs(int generation) {
    return "runs." + generation;
  }

  /**
   * Refuses a guest that is too large.
   *
   * @throws IllegalArgumentException if it is
   */
  static void checkSize(MemoryMap memory) {
    if (memory.pages() > MAX_GUEST_PAGES) {
      throw new IllegalArgumentException(
          "a guest of "
              + memory.bytes()
              + " bytes is too large: an image holds up to 1 TiB (2^28 pages)");
    }
  }

  /** Writes a whole file durably. */
  static Blob write(Path directory, String name, byte[] content) throws IOException {
    Durable.write(directory.resolve(name), content);
    return new Blob(name, content.length, crc32c(content));
  }

  /** Writes the index of a page file that is complete. */
  static Store writeIndex(
      Path directory,
      StoreIndex index,
      String pageFile,
      String indexFile,
      ImageWriter.Options options)
      throws IOException {
    int pages = 0;
    for (int slot : index.slotOfPage()) {
      if (slot != StoreIndex.NONE) {
        pages++;
      }
    }
    return new Store(
        pageFile,
        index.blocks().bytes(),
        write(directory, indexFile, index.encode()),
        options.codec(),
        options.blockPages(),
        index.blocks().blocks(),
        index.blocks().slots(),
        pages);
  }

  static int crc32c(byte[] content) {
    CRC32C crc = new CRC32C();
    crc.update(content);
    return (int) crc.getValue();
  }
}
