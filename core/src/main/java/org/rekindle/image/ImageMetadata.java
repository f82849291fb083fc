package org.rekindle.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.zip.DataFormatException;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.ProfileFile;

/**
 * Reads and verifies what an image has beside its page data.
 *
 * @param directory of the image
 * @param files that its manifest names
 */
record ImageMetadata(Path directory, ImageFiles files) {
  /** The VMM's device state is read as a whole: QEMU's is about 1 MiB, with a large GPU 100. */
  private static final int MAX_BLOB_BYTES = 1 << 30;

  /** See {@link FileStore}. Twice as much must be there, as a hot store may come with the base. */
  private static final int MAX_HEAP_BYTES_PER_PAGE = 12;

  static ImageFiles manifest(Path directory) throws IOException {
    Path file = directory.resolve(ImageFiles.MANIFEST);
    try {
      long bytes = Files.size(file);
      if (bytes > ManifestFile.MAX_BYTES) {
        throw new CorruptImageException(
            file + " has " + bytes + " bytes, at most " + ManifestFile.MAX_BYTES + " expected");
      }
      return ManifestFile.decode(Files.readAllBytes(file));
    } catch (NoSuchFileException missing) {
      throw new CorruptImageException(
          directory + " is not an image: it has no " + ImageFiles.MANIFEST, missing);
    } catch (DataFormatException damaged) {
      throw new CorruptImageException(file + ": " + damaged.getMessage(), damaged);
    }
  }

  byte[] read(ImageFiles.Blob blob) throws IOException {
    Path file = expectBytes(blob.name(), blob.bytes());
    if (blob.bytes() > MAX_BLOB_BYTES) {
      throw new CorruptImageException(
          file + " has " + blob.bytes() + " bytes, at most " + MAX_BLOB_BYTES + " expected");
    }
    byte[] content = Files.readAllBytes(file);
    int crc = ImageFiles.crc32c(content);
    if (crc != blob.crc32c()) {
      throw new CorruptImageException(
          "%s: checksum %08x expected, %08x found".formatted(file, blob.crc32c(), crc));
    }
    return content;
  }

  /** A store by its index; its page file is not looked at. */
  FileStore store(ImageFiles.Store store) throws IOException {
    checkHeap();
    byte[] content = read(store.index());
    try {
      return new FileStore(
          directory.resolve(store.pageFile()),
          StoreIndex.decode(content, files.manifest().memory().pages(), store.pageFileBytes()));
    } catch (DataFormatException damaged) {
      throw corrupt(store.index(), damaged);
    }
  }

  /** A guest of the size that the manifest claims must fit before its arrays are made. */
  private void checkHeap() throws IOException {
    long bytes = 2L * MAX_HEAP_BYTES_PER_PAGE * files.manifest().memory().pages();
    if (bytes > Runtime.getRuntime().maxMemory()) {
      throw new IOException(
          "%s has a guest of %d MiB; to open it give Java %d MiB of heap (-Xmx)"
              .formatted(directory, files.manifest().memory().bytes() >> 20, (bytes >> 20) + 1));
    }
  }

  Profile profile(ImageFiles.Blob blob) throws IOException {
    byte[] content = read(blob);
    try {
      return ProfileFile.decode(content, files.manifest().memory().pages());
    } catch (DataFormatException damaged) {
      throw corrupt(blob, damaged);
    }
  }

  /** Where the file is, if it is as long as it should be. */
  Path expectBytes(String name, long expected) throws IOException {
    Path file = directory.resolve(name);
    long bytes = Files.size(file);
    if (bytes != expected) {
      throw new CorruptImageException(file + " has " + bytes + " bytes, " + expected + " expected");
    }
    return file;
  }

  CorruptImageException corrupt(ImageFiles.Blob blob, DataFormatException damaged) {
    return new CorruptImageException(
        directory.resolve(blob.name()) + ": " + damaged.getMessage(), damaged);
  }
}
