package org.rekindle.image;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.zip.DataFormatException;
import org.jspecify.annotations.Nullable;
import org.rekindle.workingset.GapClosing;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.RunHistory;
import org.rekindle.workingset.RunHistoryFile;

/**
 * An open checkpoint image. Its metadata has been verified; page data is verified block by block as
 * it is read.
 *
 * <p>An image in use may get a new profile ({@link #attach}) or layout ({@link #relayout}): this
 * one still shows the old, but the files of its old stores are gone. Whoever reads a store's {@link
 * PageStore#file} opens it once, soon, and keeps it open.
 */
public final class Image implements AutoCloseable {
  private final Path directory;
  private final ImageFiles files;
  private final ImageMetadata metadata;
  private final byte[] deviceState;
  private final FileStore base;
  private final FileChannel basePages;
  private final @Nullable FileStore hot;
  private final @Nullable FileChannel hotPages;
  private final @Nullable Profile profile;

  private Image(Path directory, ImageFiles files) throws IOException {
    this.directory = directory;
    this.files = files;
    metadata = new ImageMetadata(directory, files);
    deviceState = metadata.read(files.deviceState());
    base = store(files.base());
    hot = files.hot() == null ? null : store(files.hot());
    profile = files.profile() == null ? null : metadata.profile(files.profile());
    if (files.runs() != null) {
      metadata.expectBytes(files.runs().name(), files.runs().bytes());
    }
    basePages = FileChannel.open(base.file(), StandardOpenOption.READ);
    try {
      hotPages = hot == null ? null : FileChannel.open(hot.file(), StandardOpenOption.READ);
    } catch (IOException e) {
      try (basePages) {
        throw e;
      }
    }
  }

  /**
   * Opens and verifies an image.
   *
   * @throws CorruptImageException if it is damaged or of a version that this program does not read
   * @throws NoSuchFileException if there is no such directory
   */
  public static Image open(Path directory) throws IOException {
    requireThere(directory);
    ImageFiles files = ImageMetadata.manifest(directory);
    while (true) {
      try {
        return new Image(directory, files);
      } catch (NoSuchFileException missing) {
        // Somebody has changed the image between the two steps; or the image is damaged.
        ImageFiles now = ImageMetadata.manifest(directory);
        if (now.generation() == files.generation()) {
          throw new CorruptImageException(missing.getFile() + " is missing", missing);
        }
        files = now;
      }
    }
  }

  /**
   * Refuses a path at which there is nothing that could be an image, at no cost.
   *
   * @throws NoSuchFileException if there is no such directory
   */
  public static void requireThere(Path directory) throws NoSuchFileException {
    if (!Files.isDirectory(directory)) {
      throw new NoSuchFileException(directory.toString(), null, "there is no such image");
    }
  }

  private FileStore store(ImageFiles.Store store) throws IOException {
    metadata.expectBytes(store.pageFile(), store.pageFileBytes());
    return metadata.store(store);
  }

  public Path directory() {
    return directory;
  }

  public Manifest manifest() {
    return files.manifest();
  }

  public MemoryMap memory() {
    return manifest().memory();
  }

  /** The VMM's opaque device state; a copy. */
  public byte[] deviceState() {
    return deviceState.clone();
  }

  /** Every page that is not zero, in the order in which it was saved or laid out. */
  public PageStore base() {
    return base;
  }

  /** The working set in first-touch order: present once a profile was attached. */
  public Optional<PageStore> hot() {
    return Optional.ofNullable(hot);
  }

  public Optional<Profile> profile() {
    return Optional.ofNullable(profile);
  }

  /**
   * The runs that the profile was merged of; none if it was found in another way. They are read
   * now, since no restore needs them.
   *
   * @throws NoSuchFileException if another profile was attached since this image was opened
   */
  public RunHistory runs() throws IOException {
    ImageFiles.Blob blob = files.runs();
    if (blob == null) {
      return RunHistory.NONE;
    }
    byte[] content = metadata.read(blob);
    try {
      return RunHistoryFile.decode(content, memory().pages());
    } catch (DataFormatException damaged) {
      throw metadata.corrupt(blob, damaged);
    }
  }

  /** Reads single pages, for one thread; to be used while this image is open. */
  public PageReader newPageReader() {
    return new PageReader(base, basePages);
  }

  /**
   * Reads, checks and decodes every block of every store, and compares the hot copy with the base.
   *
   * @param progress is told from time to time, on this thread
   * @throws CorruptImageException at the first damaged block; names its file and offset
   */
  public ImageSummary verify(Progress progress) throws IOException {
    return new Verification(this, progress).run();
  }

  /** Hears how far a long operation has come. */
  @FunctionalInterface
  public interface Progress {
    void update(long doneBytes, long totalBytes);
  }

  /**
   * Stores a profile with the image, together with a copy of its pages in first-touch order and of
   * small gaps between them ({@link GapClosing}), in place of any earlier one; atomic and durable.
   *
   * @throws IllegalArgumentException if the profile names a page that the guest does not have, or a
   *     page twice
   * @throws IOException if another process is just doing the same, or the disk is full; the image
   *     is then as before
   */
  public static void attach(Path directory, Profile profile) throws IOException {
    attach(directory, profile, RunHistory.NONE);
  }

  /** The same, and keeps the runs that the profile was merged of: see {@link #runs}. */
  public static void attach(Path directory, Profile profile, RunHistory runs) throws IOException {
    ProfileAttachment.attach(directory, profile, runs, GapClosing.close(profile));
  }

  /** Copies no page that the profile has not: the hot store that others would make of it. */
  public static void attachAsItIs(Path directory, Profile profile) throws IOException {
    ProfileAttachment.attach(directory, profile, RunHistory.NONE, profile.pages());
  }

  /**
   * Lays all pages out anew in the given order, which decides what a miss brings along; atomic and
   * durable, and verified before the old layout is given up. Until then both need space.
   *
   * @param order every page of the guest once
   * @param progress is told from time to time, on this thread
   * @throws IOException if another process is just changing the image, or the disk is full; the
   *     image is then as before
   */
  public static void relayout(Path directory, int[] order, Progress progress) throws IOException {
    Relayout.apply(directory, order, progress);
  }

  ImageFiles files() {
    return files;
  }

  FileStore baseStore() {
    return base;
  }

  @Nullable FileStore hotStore() {
    return hot;
  }

  FileChannel basePages() {
    return basePages;
  }

  @Nullable FileChannel hotPages() {
    return hotPages;
  }

  @Override
  public void close() throws IOException {
    try (basePages;
        hotPages) {
      // both, whatever happens to the first
    }
  }
}
