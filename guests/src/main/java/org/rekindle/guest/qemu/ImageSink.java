package org.rekindle.guest.qemu;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.Manifest;
import org.rekindle.image.MemoryMap;

/** Writes a stream's memory into a new image. Closing without a commit leaves nothing behind. */
final class ImageSink implements StreamSink, AutoCloseable {
  static final String GUEST_KIND = "qemu";

  /** A report for each 4 MiB: a few hundred a second at most. */
  private static final int PAGES_PER_REPORT = 1024;

  private final Path image;
  private final ImageWriter.Options layout;
  private final Image.Progress progress;
  private @Nullable ImageWriter writer;
  private long totalBytes;
  private long records;

  ImageSink(Path image, ImageWriter.Options layout, Image.Progress progress) {
    this.image = image;
    this.layout = layout;
    this.progress = progress;
  }

  @Override
  public void memory(MemoryMap memory) throws IOException {
    totalBytes = memory.bytes();
    writer = ImageWriter.create(image, memory, layout);
  }

  @Override
  public void page(int page, MemorySegment data, long offset) throws IOException {
    writer().page(page, data, offset);
    count();
  }

  @Override
  public void zero(int page) throws IOException {
    writer().zero(page);
    count();
  }

  private void count() {
    if (++records % PAGES_PER_REPORT == 0) {
      // A guest that ran while it was saved has some pages more than once.
      progress.update(Math.min(records * MemoryMap.PAGE_BYTES, totalBytes), totalBytes);
    }
  }

  /** Makes the image durable and gives it its name; its size in bytes. */
  long commit(SavedStream stream, SavedMachine machine) throws IOException {
    writer().deviceState(stream.deviceState().sections());
    long bytes =
        writer().commit(new Manifest(GUEST_KIND, Instant.now(), stream.memory(), machine.toMap()));
    progress.update(totalBytes, totalBytes);
    return bytes;
  }

  /** Pages that are not zero. */
  int nonZeroPages() {
    return writer().nonZeroPages();
  }

  private ImageWriter writer() {
    if (writer == null) {
      throw new IllegalStateException("pages before their memory");
    }
    return writer;
  }

  @Override
  public void close() throws IOException {
    if (writer != null) {
      writer.close();
    }
  }
}
