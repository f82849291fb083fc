package org.rekindle.lab;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.stream.Stream;
import org.rekindle.linux.StoreFile;

/**
 * Drops files from the page cache and looks whether they are gone: a measurement that believes its
 * cache is cold measures memory, not the disk. Needs no root, unlike {@code
 * /proc/sys/vm/drop_caches}, and leaves everybody else's cache alone.
 */
public final class ColdCache {
  /** Pages under writeback or read-ahead stay at first; they are free within milliseconds. */
  private static final int ATTEMPTS = 40;

  private static final long PAUSE_MS = 25;

  private ColdCache() {}

  /**
   * How cold it is.
   *
   * @param bytes size of all files
   * @param residentBytes what stayed in the page cache in spite of all attempts
   */
  public record Result(long bytes, long residentBytes) {
    public boolean isCold() {
      return residentBytes == 0;
    }

    @Override
    public String toString() {
      return isCold()
          ? "cold: none of %,d bytes is in the page cache".formatted(bytes)
          : "NOT cold: %,d of %,d bytes stayed in the page cache".formatted(residentBytes, bytes);
    }
  }

  /**
   * Drops files, and all files under directories.
   *
   * @throws IOException if one does not exist or cannot be read
   */
  public static Result drop(Collection<Path> paths) throws IOException {
    List<Path> files = new ArrayList<>();
    for (Path path : paths) {
      try (Stream<Path> all = Files.walk(path)) {
        all.filter(Files::isRegularFile).forEach(files::add);
      }
    }
    long bytes = 0;
    long residentBytes = 0;
    for (Path file : files) {
      try (StoreFile store = StoreFile.open(file)) {
        bytes += store.bytes();
        residentBytes += drop(store);
      }
    }
    return new Result(bytes, residentBytes);
  }

  private static long drop(StoreFile store) throws IOException {
    for (int attempt = 1; ; attempt++) {
      store.dropFromCache();
      long residentBytes = store.residentBytes();
      if (residentBytes == 0 || attempt == ATTEMPTS) {
        return residentBytes;
      }
      try {
        Thread.sleep(PAUSE_MS);
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted while dropping files from the page cache");
      }
    }
  }
}
