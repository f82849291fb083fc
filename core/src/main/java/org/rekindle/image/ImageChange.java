package org.rekindle.image;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Changes an image that is there, at one instant and durably. */
final class ImageChange {
  /*
   * Atomic without touching what is there: new files carry the next generation number in their
   * names, so nothing that the present manifest names is touched. When they are durable, a new
   * manifest takes the place of the old by rename; that instant is the change. Then what it names
   * no more is deleted. A crash before the rename leaves the old image and some files that no
   * manifest names, a crash after it leaves the new image and files of the old: the next change
   * deletes both, and nothing reads them.
   *
   * One change at a time: a lock on a file of its own, which the kernel drops with the process. (On
   * the manifest it would not do, for that file is replaced.)
   */
  static final String LOCK = "attach.lock";
  static final String NEW_MANIFEST = "manifest.json.new";

  /** Files that a change may leave behind or make superfluous; a user's own are not ours. */
  private static final Pattern OURS =
      Pattern.compile(
          "(base|hot)\\.\\d+\\.(pages|index)|(profile|runs)\\.\\d+|base\\.(pages|index)"
              + "|manifest\\.json\\.new");

  /** What a change consists of. */
  @FunctionalInterface
  interface Step {
    /**
     * Writes new files under names of that generation, durably.
     *
     * @return what the image consists of then
     */
    ImageFiles write(Image image, int generation) throws IOException;
  }

  private ImageChange() {}

  /**
   * Carries out a change.
   *
   * @throws IOException if another one is under way, or this one fails; the image is then as before
   */
  static void apply(Path directory, Step step) throws IOException {
    Path lockFile = directory.resolve(LOCK);
    try (FileChannel channel =
            FileChannel.open(lockFile, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
        FileLock lock = lock(channel)) {
      if (lock == null) {
        throw new IOException(directory + " is just being changed; try again when that is done");
      }
      try (Image image = Image.open(directory)) {
        apply(image, step);
      }
    }
  }

  private static @Nullable FileLock lock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException heldInThisProcess) {
      return null;
    }
  }

  private static void apply(Image image, Step step) throws IOException {
    Path directory = image.directory();
    ImageFiles before = image.files();
    deleteUnnamed(directory, before);
    ImageFiles after;
    try {
      after = step.write(image, before.generation() + 1);
      Path next = directory.resolve(NEW_MANIFEST);
      Durable.write(next, ManifestFile.encode(after));
      Durable.syncDirectory(directory);
      Durable.rename(next, directory.resolve(ImageFiles.MANIFEST));
    } catch (IOException | RuntimeException | Error e) {
      deleteUnnamed(directory, before);
      throw e;
    }
    Durable.syncDirectory(directory);
    deleteUnnamed(directory, after);
  }

  /** Deletes what an earlier change has left, or this one replaced. */
  private static void deleteUnnamed(Path directory, ImageFiles image) throws IOException {
    Set<String> named = named(image);
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.toList()) {
        String name = String.valueOf(file.getFileName());
        if (OURS.matcher(name).matches() && !named.contains(name)) {
          Files.deleteIfExists(file);
        }
      }
    }
  }

  private static Set<String> named(ImageFiles image) {
    Set<String> names = new HashSet<>();
    addTo(names, image.base());
    addTo(names, image.hot());
    addTo(names, image.profile());
    addTo(names, image.runs());
    return names;
  }

  private static void addTo(Set<String> names, ImageFiles.@Nullable Store store) {
    if (store != null) {
      names.add(store.pageFile());
      names.add(store.index().name());
    }
  }

  private static void addTo(Set<String> names, ImageFiles.@Nullable Blob blob) {
    if (blob != null) {
      names.add(blob.name());
    }
  }
}
