package org.rekindle.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.rekindle.workingset.Profile;

/**
 * Where an image's pages lie, without their contents: enough to plan a restore, and a thousandth of
 * an image's size. The stores answer all questions, but no data can be read from them.
 */
public record Layout(
    MemoryMap memory, PageStore base, @Nullable PageStore hot, @Nullable Profile profile) {

  /**
   * Reads the layout of an image, or of what {@link #copy} has made.
   *
   * @throws CorruptImageException if it is damaged
   */
  public static Layout read(Path directory) throws IOException {
    ImageFiles files = ImageMetadata.manifest(directory);
    ImageMetadata metadata = new ImageMetadata(directory, files);
    ImageFiles.Store hot = files.hot();
    ImageFiles.Blob profile = files.profile();
    return new Layout(
        files.manifest().memory(),
        metadata.store(files.base()),
        hot == null ? null : metadata.store(hot),
        profile == null ? null : metadata.profile(profile));
  }

  /** Copies what {@link #read} needs of an image into a folder that is there. */
  public static void copy(Path image, Path folder) throws IOException {
    ImageFiles files = ImageMetadata.manifest(image);
    copy(image, folder, ImageFiles.MANIFEST);
    copy(image, folder, files.base().index().name());
    ImageFiles.Store hot = files.hot();
    if (hot != null) {
      copy(image, folder, hot.index().name());
    }
    ImageFiles.Blob profile = files.profile();
    if (profile != null) {
      copy(image, folder, profile.name());
    }
  }

  private static void copy(Path from, Path to, String name) throws IOException {
    Files.copy(from.resolve(name), to.resolve(name));
  }
}
