package org.rekindle.lab.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.rekindle.image.Image;
import org.rekindle.workingset.Profile;

/**
 * The layouts of one image, made when they are wanted. All share the files of the base by hard
 * links, so that each costs a hot store, and so that every competitor reads the same blocks of the
 * disk.
 */
final class ImageLayouts {
  private final Path image;

  ImageLayouts(Path image) {
    this.image = image;
  }

  Path of(Competitor.Layout layout) throws IOException {
    if (layout == Competitor.Layout.RECORDED) {
      return image;
    }
    Path directory =
        image.resolveSibling(
            image.getFileName() + "." + layout.name().toLowerCase(java.util.Locale.ROOT));
    if (!Files.exists(directory)) {
      make(layout, directory);
    }
    return directory;
  }

  private void make(Competitor.Layout layout, Path directory) throws IOException {
    Path part = directory.resolveSibling("." + directory.getFileName() + ".part");
    deleteFiles(part);
    Files.createDirectories(part);
    try (Stream<Path> files = Files.list(image)) {
      for (Path file : files.filter(each -> !each.endsWith("attach.lock")).toList()) {
        Files.createLink(part.resolve(file.getFileName()), file);
      }
    }
    Profile profile;
    try (Image recorded = Image.open(image)) {
      profile = layout.profile(recorded.profile().orElseThrow(), recorded);
    }
    Image.attach(part, profile); // replaces names, never the linked files themselves
    Files.move(part, directory);
  }

  private static void deleteFiles(Path directory) throws IOException {
    if (Files.exists(directory)) {
      List<Path> files;
      try (Stream<Path> all = Files.list(directory)) {
        files = all.toList();
      }
      for (Path file : files) {
        Files.delete(file);
      }
    }
  }
}
