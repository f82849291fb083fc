package org.rekindle.image;

import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * A directory that comes into being whole or not at all: it is filled as {@code .NAME.partial-XXXX}
 * beside its final place and renamed when all of it is durable.
 */
final class PartialDirectory implements AutoCloseable {
  private final Path target;
  private final Path partial;
  private volatile boolean committed;

  private PartialDirectory(Path target, Path partial) {
    this.target = target;
    this.partial = partial;
  }

  /** Says what {@link #create} would say, and makes nothing. */
  static void checkTarget(Path directory) throws IOException {
    Path target = directory.toAbsolutePath().normalize();
    refuseExisting(target);
    Path parent = target.getParent();
    while (parent != null && !Files.exists(parent)) {
      parent = parent.getParent();
    }
    if (parent == null || !Files.isDirectory(parent) || !Files.isWritable(parent)) {
      throw new IOException(
          "cannot make " + directory + ": " + parent + " is not a writable directory");
    }
  }

  static PartialDirectory create(Path directory) throws IOException {
    Path target = directory.toAbsolutePath().normalize();
    Path parent = target.getParent();
    Path name = target.getFileName();
    if (parent == null || name == null) {
      throw new IOException(directory + " cannot be an image: it is a root directory");
    }
    refuseExisting(target);
    try {
      Files.createDirectories(parent);
      return new PartialDirectory(
          target, Files.createTempDirectory(parent, "." + name + ".partial-"));
    } catch (IOException e) {
      throw Durable.cannotWrite(target, e);
    }
  }

  Path path() {
    return partial;
  }

  Path target() {
    return target;
  }

  /** Bytes of the files in it. */
  long fileBytes() throws IOException {
    long bytes = 0;
    try (Stream<Path> files = Files.list(partial)) {
      for (Path file : files.toList()) {
        bytes += Files.size(file);
      }
    }
    return bytes;
  }

  void commit() throws IOException {
    refuseExisting(target);
    Durable.syncDirectory(partial);
    Durable.rename(partial, target);
    committed = true;
    Path parent = target.getParent();
    if (parent != null) {
      Durable.syncDirectory(parent);
    }
  }

  private static void refuseExisting(Path target) throws FileAlreadyExistsException {
    if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
      throw new FileAlreadyExistsException(
          target.toString(), null, "it exists already; remove it or choose another name");
    }
  }

  /** Deletes the directory unless it has been committed. */
  @Override
  public void close() throws IOException {
    if (committed || !Files.exists(partial)) {
      return;
    }
    while (true) {
      try (Stream<Path> files = Files.list(partial)) { // an image has no directories inside
        for (Path file : files.toList()) {
          Files.deleteIfExists(file);
        }
      }
      try {
        Files.deleteIfExists(partial);
        return;
      } catch (DirectoryNotEmptyException once) {
        // A program that is being ended closes this while its other thread still writes.
      }
    }
  }
}
