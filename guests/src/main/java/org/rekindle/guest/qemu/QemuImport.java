package org.rekindle.guest.qemu;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;

/**
 * Makes an image of a machine that QEMU or libvirt has saved into a file: {@code migrate} to {@code
 * exec:} or {@code file:}, with mapped-ram or without, or {@code virsh save}. One object, one
 * import.
 */
public final class QemuImport implements AutoCloseable {
  private static final long ENDING_S = 30;

  private final Path file;
  private final Path image;
  private final ImageWriter.Options layout;
  private final Image.Progress progress;

  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile boolean cancelled;
  private volatile @Nullable FileChannel reading;

  /**
   * @param file only read
   * @param image the image directory to make; must not exist
   */
  public QemuImport(Path file, Path image, ImageWriter.Options layout, Image.Progress progress) {
    this.file = file;
    this.image = image;
    this.layout = layout;
    this.progress = progress;
  }

  /**
   * Imports the file.
   *
   * @throws MigrationStreamException if the file is damaged, or is none that can be read; no image
   *     was made then
   */
  public ImportResult run() throws IOException {
    if (Files.isDirectory(file)) {
      throw new IOException(file + " is a directory; an import reads one file");
    }
    try (FileChannel channel = open()) {
      reading = channel;
      checkCancelled();
      return run(channel);
    } catch (IOException failed) {
      checkCancelled();
      throw failed;
    } finally {
      ended.countDown();
    }
  }

  private FileChannel open() throws IOException {
    try {
      return FileChannel.open(file);
    } catch (NoSuchFileException missing) {
      throw (IOException)
          new NoSuchFileException(file.toString(), null, "there is no such file")
              .initCause(missing);
    }
  }

  private ImportResult run(FileChannel channel) throws IOException {
    long startNs = System.nanoTime();
    String name = file.toString();
    SaveFile saved = SaveFile.detect(name, channel);
    channel.position(saved.streamOffset());
    try (ImageSink sink = new ImageSink(image, layout, progress)) {
      SavedStream stream = read(name, saved, channel, sink);
      SavedMachine machine =
          new SavedMachine(
              stream.machineType(),
              stream.configurationHex(),
              stream.ramSectionId(),
              "", // no file tells
              saved.wasRunning() == null ? stream.deviceState().wasRunning() : saved.wasRunning());
      checkCancelled();
      long imageBytes = sink.commit(stream, machine);
      return new ImportResult(
          machine,
          stream.mappedRam() ? saved.kind() + ", mapped-ram" : saved.kind(),
          System.nanoTime() - startNs,
          stream.memory().pages(),
          stream.memory().pages() - sink.nonZeroPages(),
          channel.size(),
          imageBytes);
    }
  }

  private static SavedStream read(String name, SaveFile saved, FileChannel channel, ImageSink sink)
      throws IOException {
    if (!saved.zstd()) {
      return MigrationStreamReader.read(name, channel, sink);
    }
    try (ZstdChannel unpacked = new ZstdChannel(name, channel)) {
      return MigrationStreamReader.read(name + " (unpacked)", unpacked, sink);
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
  public void close() throws IOException {
    cancelled = true;
    FileChannel open = reading;
    if (open != null) {
      open.close();
      try {
        ended.await(ENDING_S, TimeUnit.SECONDS);
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
