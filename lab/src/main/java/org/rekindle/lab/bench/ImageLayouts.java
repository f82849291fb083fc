package org.rekindle.lab.bench;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.rekindle.image.Image;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageReader;
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
    // Replaces names, never the linked files themselves.
    switch (layout) {
      case BY_ADDRESS, IN_GROUPS -> Image.attachAsItIs(part, profile);
      default -> Image.attach(part, profile);
    }
    Files.move(part, directory);
  }

  /** All memory as one file, region after region, with holes where it is zero. */
  Path memory() throws IOException {
    Path file = image.resolveSibling(image.getFileName() + ".memory");
    if (!Files.exists(file)) {
      Path part = file.resolveSibling("." + file.getFileName() + ".part");
      try (Image open = Image.open(image);
          PageReader pages = open.newPageReader();
          Arena arena = Arena.ofConfined();
          FileChannel out = FileChannel.open(part, CREATE, TRUNCATE_EXISTING, READ, WRITE)) {
        MemorySegment page = arena.allocate(MemoryMap.PAGE_BYTES, MemoryMap.PAGE_BYTES);
        int count = open.memory().pages();
        MemorySegment mapped =
            out.map(FileChannel.MapMode.READ_WRITE, 0, (long) count * MemoryMap.PAGE_BYTES, arena);
        for (int number = 0; number < count; number++) {
          if (open.base().blockOf(number) >= 0) {
            pages.read(number, page, 0);
            MemorySegment.copy(
                page, 0, mapped, (long) number * MemoryMap.PAGE_BYTES, MemoryMap.PAGE_BYTES);
          }
        }
        mapped.force();
      }
      Files.move(part, file);
    }
    return file;
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
