package org.rekindle.lab;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.rekindle.linux.StoreFile;

/** Brings files into the page cache and looks whether they are there: {@link ColdCache}'s twin. */
final class WarmCache {
  private WarmCache() {}

  /**
   * Reads a file, or all files under a directory.
   *
   * @return what is missing in spite of that, in words; null if nothing is
   */
  static @Nullable String fill(Path path) throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.walk(path)) {
      files = all.filter(Files::isRegularFile).toList();
    }
    long missingBytes = 0;
    for (Path file : files) {
      try (InputStream in = Files.newInputStream(file)) {
        in.transferTo(OutputStream.nullOutputStream());
      }
      try (StoreFile store = StoreFile.open(file)) {
        missingBytes += Math.max(0, store.bytes() - store.residentBytes());
      }
    }
    return missingBytes == 0
        ? null
        : "NOT warm: %,d bytes are not in the page cache".formatted(missingBytes);
  }
}
