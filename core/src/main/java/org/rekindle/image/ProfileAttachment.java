package org.rekindle.image;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.BitSet;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.ProfileFile;
import org.rekindle.workingset.RunHistory;
import org.rekindle.workingset.RunHistoryFile;

/** Gives an image a profile and the hot store that belongs to it. */
final class ProfileAttachment {
  /*
   * Atomic without rewriting the base: the new files carry the next generation number in their
   * names, so nothing that the present manifest names is touched. When they are durable, a new
   * manifest takes the place of the old by rename; that instant is the change. Then the old
   * generation is deleted. A crash before the rename leaves the old image and some files that no
   * manifest names, a crash after it leaves the new image and the old generation's files: the next
   * attachment deletes both, and nothing reads them.
   *
   * One attachment at a time: a lock on a file of its own, which the kernel drops with the process.
   * (On the manifest it would not do, for that file is replaced.)
   */
  static final String LOCK = "attach.lock";
  static final String NEW_MANIFEST = "manifest.json.new";

  private static final Pattern GENERATION_FILE =
      Pattern.compile("hot\\.\\d+\\.(pages|index)|(profile|runs)\\.\\d+|manifest\\.json\\.new");

  private ProfileAttachment() {}

  static void attach(Path directory, Profile profile, RunHistory runs) throws IOException {
    Path lockFile = directory.resolve(LOCK);
    try (FileChannel channel =
            FileChannel.open(lockFile, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
        FileLock lock = lock(channel)) {
      if (lock == null) {
        throw new IOException(
            "a profile is just being attached to " + directory + "; try again when that is done");
      }
      try (Image image = Image.open(directory)) {
        attach(image, profile, runs);
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

  private static void attach(Image image, Profile profile, RunHistory runs) throws IOException {
    Path directory = image.directory();
    int[] pages = profile.pages();
    checkPages(pages, image.memory().pages());
    deleteUnnamed(directory, image.files());
    int generation = image.files().generation() + 1;
    ImageFiles before = image.files();
    ImageFiles after;
    try {
      StoreIndex index =
          HotCopy.write(
              image,
              pages,
              directory.resolve(ImageFiles.hotPages(generation)),
              ImageWriter.Options.HOT);
      after =
          new ImageFiles(
              before.manifest(),
              generation,
              before.deviceState(),
              before.base(),
              ImageFiles.writeIndex(
                  directory,
                  index,
                  ImageFiles.hotPages(generation),
                  ImageFiles.hotIndex(generation),
                  ImageWriter.Options.HOT),
              ImageFiles.write(
                  directory, ImageFiles.profile(generation), ProfileFile.encode(profile)),
              runs.runs().isEmpty()
                  ? null
                  : ImageFiles.write(
                      directory, ImageFiles.runs(generation), RunHistoryFile.encode(runs)));
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

  private static void checkPages(int[] pages, int guestPages) {
    BitSet seen = new BitSet();
    for (int page : pages) {
      if (page < 0 || page >= guestPages) {
        throw new IllegalArgumentException(
            "the profile names page " + page + ", the guest has " + guestPages);
      }
      if (seen.get(page)) {
        throw new IllegalArgumentException("the profile names page " + page + " twice");
      }
      seen.set(page);
    }
  }

  /** Deletes the files of every generation but the one that this manifest names. */
  private static void deleteUnnamed(Path directory, ImageFiles image) throws IOException {
    int generation = image.generation();
    Set<String> named =
        Set.of(
            ImageFiles.hotPages(generation),
            ImageFiles.hotIndex(generation),
            ImageFiles.profile(generation),
            ImageFiles.runs(generation));
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.toList()) {
        String name = String.valueOf(file.getFileName());
        if (GENERATION_FILE.matcher(name).matches() && !named.contains(name)) {
          Files.deleteIfExists(file);
        }
      }
    }
  }
}
