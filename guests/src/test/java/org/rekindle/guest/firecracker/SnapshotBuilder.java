package org.rekindle.guest.firecracker;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import org.rekindle.image.MemoryMap;

/** Files as Firecracker writes them. */
final class SnapshotBuilder {
  static final long X86_64 = 0x0710_1984_8664_0000L;
  static final long AARCH64 = 0x0710_1984_AAAA_0000L;

  private SnapshotBuilder() {}

  /** A page of which each byte is the same. */
  static byte[] filled(int fill) {
    byte[] page = new byte[MemoryMap.PAGE_BYTES];
    Arrays.fill(page, (byte) fill);
    return page;
  }

  /** A memory file of pages: 0 is a hole, 'z' a page of zeros that was written, others fills. */
  static Path memory(Path file, String pages) throws IOException {
    try (RandomAccessFile random = new RandomAccessFile(file.toFile(), "rw")) {
      random.setLength((long) pages.length() * MemoryMap.PAGE_BYTES);
      for (int page = 0; page < pages.length(); page++) {
        char fill = pages.charAt(page);
        if (fill != '.') {
          random.seek((long) page * MemoryMap.PAGE_BYTES);
          random.write(filled(fill == 'z' ? 0 : fill));
        }
      }
    }
    return file;
  }

  /** A state file in the encoding of Firecracker 1.7 to 1.14. */
  static byte[] bincode(long magic, String version) {
    byte[] name = version.getBytes(StandardCharsets.US_ASCII);
    return sealed(
        little(16 + name.length + BLOB_BYTES).putLong(magic).putLong(name.length).put(name));
  }

  /** A state file in the encoding since Firecracker 1.15. */
  static byte[] bitcode(long magic, String version) {
    byte[] name = version.getBytes(StandardCharsets.US_ASCII);
    return sealed(
        little(10 + name.length + BLOB_BYTES)
            .put((byte) 0)
            .putLong(magic)
            .put((byte) name.length)
            .put(name));
  }

  private static final int BLOB_BYTES = 500;

  private static ByteBuffer little(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** With a blob to the end of the buffer, and the CRC64 behind it. */
  private static byte[] sealed(ByteBuffer head) {
    while (head.hasRemaining()) {
      head.put((byte) (head.position() * 31));
    }
    byte[] content = new byte[head.capacity()];
    head.get(0, content);
    return sealed(content);
  }

  /** With the CRC64 behind it. */
  static byte[] sealed(byte[] content) {
    return little(content.length + Long.BYTES)
        .put(content)
        .putLong(Crc64.of(content, content.length))
        .array();
  }
}
