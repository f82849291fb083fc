package org.rekindle.guest.firecracker;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.Manifest;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;

/** Makes an image of a snapshot that Firecracker has written. One object, one import. */
public final class FirecrackerImport implements AutoCloseable {
  private static final long ENDING_S = 30;

  /** A look at the cancellation and a report for each 4 MiB: a few hundred a second at most. */
  private static final int PAGES_PER_REPORT = 1024;

  private final SnapshotFiles files;
  private final String vmmVersion;
  private final Path image;
  private final ImageWriter.Options layout;
  private final Image.Progress progress;

  private final AtomicBoolean started = new AtomicBoolean();
  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile boolean cancelled;

  /**
   * @param files only read
   * @param image the image directory to make; must not exist
   */
  public FirecrackerImport(
      SnapshotFiles files, Path image, ImageWriter.Options layout, Image.Progress progress) {
    this(files, "", image, layout, progress);
  }

  /**
   * @param vmmVersion the Firecracker that wrote the files
   */
  FirecrackerImport(
      SnapshotFiles files,
      String vmmVersion,
      Path image,
      ImageWriter.Options layout,
      Image.Progress progress) {
    this.files = files;
    this.vmmVersion = vmmVersion;
    this.image = image;
    this.layout = layout;
    this.progress = progress;
  }

  /**
   * Imports the files.
   *
   * @throws SnapshotException if one of them is damaged or not what it should be; no image was made
   *     then
   */
  public ImportedMicrovm run() throws IOException {
    if (!started.compareAndSet(false, true)) {
      throw new IllegalStateException("a FirecrackerImport imports once");
    }
    long startNs = System.nanoTime();
    try {
      ImageWriter.checkTarget(image);
      @Nullable StateFile state = files.state() == null ? null : StateFile.read(files.state());
      try (MemoryLayer memory = memory()) {
        return write(memory, state, startNs);
      }
    } finally {
      ended.countDown();
    }
  }

  private MemoryLayer memory() throws IOException {
    Path base = files.base();
    if (base == null) {
      return FileLayer.full(files.memory());
    }
    return FileLayer.difference(
        files.memory(), Files.isDirectory(base) ? ImageLayer.open(base) : FileLayer.full(base));
  }

  private ImportedMicrovm write(MemoryLayer memory, @Nullable StateFile state, long startNs)
      throws IOException {
    long bytes = (long) memory.pages() * MemoryMap.PAGE_BYTES;
    MemoryMap map =
        new MemoryMap(List.of(new Region(SavedMicrovm.REGION, bytes, MemoryMap.PAGE_BYTES)));
    SavedMicrovm machine =
        new SavedMicrovm(
            state == null ? "" : state.architecture(),
            state == null ? "" : state.version(),
            vmmVersion);
    try (ImageWriter writer = ImageWriter.create(image, map, layout)) {
      memory.copy(
          0,
          memory.pages(),
          new MemoryLayer.Sink() {
            private int reportAt;

            @Override
            public void page(int page, MemorySegment data, long offset) throws IOException {
              if (page >= reportAt) {
                reportAt = page + PAGES_PER_REPORT;
                checkCancelled();
                progress.update((long) page * MemoryMap.PAGE_BYTES, bytes);
              }
              writer.page(page, data, offset);
            }
          });
      if (state != null) {
        writer.deviceState(state.bytes());
      }
      checkCancelled();
      long imageBytes =
          writer.commit(new Manifest(SavedMicrovm.GUEST_KIND, Instant.now(), map, machine.toMap()));
      progress.update(bytes, bytes);
      return new ImportedMicrovm(
          machine,
          state != null,
          System.nanoTime() - startNs,
          map.pages(),
          map.pages() - writer.nonZeroPages(),
          imageBytes);
    }
  }

  private void checkCancelled() throws IOException {
    if (cancelled) {
      throw new IOException("cancelled");
    }
  }

  /**
   * Gives up, from any thread (such as a shutdown hook), and waits until nothing of the image is
   * left. Without effect when the import has ended.
   */
  @Override
  public void close() {
    cancelled = true;
    if (started.get()) {
      try {
        ended.await(ENDING_S, TimeUnit.SECONDS);
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
