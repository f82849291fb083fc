package org.rekindle.guest.criu;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * The files of a dump that hold protocol buffers (criu.org/Images, criu/include/magic.h).
 *
 * <pre>
 * offset  bytes
 *      0  4      0x54564319, "some image"; inventory.img begins with the next one
 *      4  4      what kind of image
 *      8         entries to the end of the file: 4 bytes of length, then one message each
 * </pre>
 *
 * All numbers little-endian.
 */
final class CriuImageFile {
  static final int INVENTORY = 0x58313116;
  static final int PSTREE = 0x50273030;
  static final int MM = 0x57492820;
  static final int PAGEMAP = 0x56084025;

  private static final int COMMON = 0x54564319;

  /** The longest is that of mm: 65,530 mappings (vm.max_map_count) of about 60 bytes. */
  private static final int MAX_ENTRY_BYTES = 64 << 20;

  private CriuImageFile() {}

  /** Takes the entries of a file. */
  @FunctionalInterface
  interface Reader {
    void entry(ProtobufMessage message) throws IOException;
  }

  /**
   * Reads all entries of a file.
   *
   * @param kind one of the constants here
   * @throws CriuImageException if it is something else, or damaged
   */
  static void read(Path file, int kind, Reader reader) throws IOException {
    long bytes = size(file);
    try (DataInputStream in =
        new DataInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
      long offset = 0;
      if (kind != INVENTORY) {
        expect(file, offset, bytes, in, COMMON);
        offset += Integer.BYTES;
      }
      expect(file, offset, bytes, in, kind);
      offset += Integer.BYTES;
      while (offset < bytes) {
        long length = Integer.toUnsignedLong(number(file, offset, bytes, in));
        offset += Integer.BYTES;
        if (length > Math.min(bytes - offset, MAX_ENTRY_BYTES)) {
          throw new CriuImageException(
              file,
              offset,
              "an entry of %d bytes, where %d are left and at most %d expected"
                  .formatted(length, bytes - offset, MAX_ENTRY_BYTES));
        }
        byte[] message = in.readNBytes((int) length);
        if (message.length < length) {
          throw new CriuImageException(file, offset, "the file became shorter while it was read");
        }
        reader.entry(new ProtobufMessage(file, offset, message));
        offset += length;
      }
    }
  }

  private static long size(Path file) throws IOException {
    try {
      return Files.size(file);
    } catch (NoSuchFileException missing) {
      throw (IOException)
          new NoSuchFileException(
                  file.toString(), null, "there is no such file; is the folder a whole dump?")
              .initCause(missing);
    }
  }

  private static void expect(Path file, long offset, long bytes, DataInputStream in, int magic)
      throws IOException {
    int found = number(file, offset, bytes, in);
    if (found != magic) {
      throw new CriuImageException(
          file, offset, "expected 0x%08x, found 0x%08x".formatted(magic, found));
    }
  }

  private static int number(Path file, long offset, long bytes, DataInputStream in)
      throws IOException {
    if (bytes - offset < Integer.BYTES) {
      throw new CriuImageException(file, offset, "the file ends inside a number");
    }
    return Integer.reverseBytes(in.readInt());
  }
}
