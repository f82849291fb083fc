package org.rekindle.image;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * Creates an image: pages as they come, then device state, then {@link #commit}. Closing without a
 * commit leaves nothing behind.
 */
public final class ImageWriter implements AutoCloseable {
  private ImageWriter() {}

  /**
   * How an image is laid out.
   *
   * @param blockPages pages of a locality block: 1 to 256
   */
  public record Options(Codec codec, int blockPages) {
    public static final Options DEFAULT = new Options(Codec.ZSTD, 16);
  }

  /**
   * Starts an image under a temporary name beside {@code directory}.
   *
   * @throws java.nio.file.FileAlreadyExistsException if the directory exists
   */
  public static ImageWriter create(Path directory, MemoryMap memory, Options options)
      throws IOException {
    throw new UnsupportedOperationException();
  }

  /**
   * Adds a page; the last one given for a page number counts. Pages never given are zero.
   *
   * @param data memory that holds the page at {@code offset}; no longer looked at when this returns
   */
  public void page(int page, MemorySegment data, long offset) throws IOException {
    throw new UnsupportedOperationException();
  }

  /** Says that a page is zero (needed only where it was given before). */
  public void zero(int page) throws IOException {
    throw new UnsupportedOperationException();
  }

  public void deviceState(byte[] state) throws IOException {
    throw new UnsupportedOperationException();
  }

  /** Makes everything durable and gives the image its name. */
  public void commit(Manifest manifest) throws IOException {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() throws IOException {}
}
