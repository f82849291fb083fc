package org.rekindle.lab;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** A whole disk, by its numbers. */
record BlockDevice(int major, int minor) {
  /** The disk that holds a file; none for file systems without one (tmpfs, overlay, network). */
  static Optional<BlockDevice> holding(Path root, Path file) throws IOException {
    long number = (Long) Files.getAttribute(file, "unix:dev");
    return wholeDisk(root, of(number)).or(() -> mountedFrom(root, file));
  }

  /** makedev(3), backwards. */
  static BlockDevice of(long number) {
    return new BlockDevice(
        (int) ((number >>> 8 & 0xfff) | (number >>> 32 & ~0xfff)),
        (int) ((number & 0xff) | (number >>> 12 & ~0xff)));
  }

  /** A partition has no limits of its own: its disk has. */
  static Optional<BlockDevice> wholeDisk(Path root, BlockDevice device) {
    Path entry = root.resolve("sys/dev/block/" + device);
    try {
      Path directory = entry.toRealPath();
      Path disk =
          Files.exists(directory.resolve("partition"))
              ? directory.resolveSibling("dev")
              : directory.resolve("dev");
      String[] numbers = Files.readString(disk).strip().split(":", 2);
      return Optional.of(
          new BlockDevice(Integer.parseInt(numbers[0]), Integer.parseInt(numbers[1])));
    } catch (IOException | NumberFormatException | ArrayIndexOutOfBoundsException none) {
      return Optional.empty();
    }
  }

  /** Btrfs gives files a number of its own; the device that was mounted tells the disk. */
  private static Optional<BlockDevice> mountedFrom(Path root, Path file) {
    try {
      Path source = Path.of(Files.getFileStore(file).name());
      if (!source.isAbsolute() || !Files.exists(source)) {
        return Optional.empty();
      }
      return wholeDisk(root, of((Long) Files.getAttribute(source, "unix:rdev")));
    } catch (IOException unknown) {
      throw new UncheckedIOException(unknown);
    }
  }

  @Override
  public String toString() {
    return major + ":" + minor;
  }
}
