package org.rekindle.guest.firecracker;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.regex.Pattern;

/**
 * A microVM's state file: everything but its memory. Only Firecracker can read it; what anybody can
 * check is checked here. Numbers are little-endian:
 *
 * <pre>
 * since 1.15 (bitcode)     0  u8 0
 *                          1  u64 magic
 *                          9  u8 length of the version, then the version, such as "9.0.0"
 * since 1.7 (bincode)      0  u64 magic
 *                          8  u64 length of the version, then the version
 * before (versionize)      0  u64 magic, its lower 16 bits not zero
 * all of them        n - 8  u64 CRC64 of all that stands before it
 * </pre>
 *
 * The magic tells the architecture. A file of an encoding yet to come passes by its CRC64 alone.
 *
 * @see <a
 *     href="https://github.com/firecracker-microvm/firecracker/blob/main/docs/snapshotting/versioning.md">
 *     Firecracker snapshot versioning</a>
 */
final class StateFile {
  /** Firecracker itself loads no more: 10 MiB up to 1.14, then 10,000,000. Usual are some 20 kB. */
  static final int MAX_BYTES = 10 << 20;

  private static final int CRC_BYTES = Long.BYTES;
  private static final int MIN_BYTES = Long.BYTES + CRC_BYTES;

  private static final long X86_64 = 0x0710_1984_8664_0000L;
  private static final long AARCH64 = 0x0710_1984_AAAA_0000L;
  private static final long FORMAT_BITS = 0xffff;

  private static final int MAX_VERSION_BYTES = 32;
  private static final Pattern VERSION = Pattern.compile("\\d+\\.\\d+\\.\\d+[-+.\\w]*");

  private final byte[] bytes;
  private final String architecture;
  private final String version;

  private StateFile(byte[] bytes, String architecture, String version) {
    this.bytes = bytes;
    this.architecture = architecture;
    this.version = version;
  }

  /** The whole file. */
  byte[] bytes() {
    return bytes;
  }

  /** {@code "x86_64"}, {@code "aarch64"}, or empty if the file does not tell. */
  String architecture() {
    return architecture;
  }

  /** Version of the state's format, or empty if the file does not tell. */
  String version() {
    return version;
  }

  /**
   * Reads and checks a file.
   *
   * @throws SnapshotException if it is no state file, or a damaged one
   */
  static StateFile read(Path file) throws IOException {
    byte[] bytes;
    try (InputStream in = Files.newInputStream(file)) {
      bytes = in.readNBytes(MAX_BYTES + 1);
    }
    if (bytes.length > MAX_BYTES) {
      throw new SnapshotException(
          file, 0, "a state file has at most 10 MiB; is this the memory file?");
    }
    if (bytes.length < MIN_BYTES) {
      throw new SnapshotException(
          file, bytes.length, "the file ends before a magic number and a CRC64");
    }
    ByteBuffer view = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int end = bytes.length - CRC_BYTES;
    int magicAt = architecture(view, 0).isEmpty() && bytes[0] == 0 && end > Long.BYTES ? 1 : 0;
    String architecture = architecture(view, magicAt);
    long expected = view.getLong(end);
    long found = Crc64.of(bytes, end);
    if (expected != found || (architecture.isEmpty() && found == 0)) { // zeros have a CRC of zero
      if (architecture.isEmpty()) {
        throw new SnapshotException(
            file,
            0,
            "expected a state file of Firecracker, found the bytes "
                + HexFormat.ofDelimiter(" ").formatHex(bytes, 0, Long.BYTES));
      }
      throw new SnapshotException(
          file,
          end,
          "the file is damaged: CRC64 %016x expected, %016x found".formatted(expected, found));
    }
    return new StateFile(
        bytes, architecture, architecture.isEmpty() ? "" : version(view, magicAt, end));
  }

  private static String architecture(ByteBuffer view, int at) {
    long magic = view.getLong(at) & ~FORMAT_BITS;
    return magic == X86_64 ? "x86_64" : magic == AARCH64 ? "aarch64" : "";
  }

  private static String version(ByteBuffer view, int magicAt, int end) {
    int at = magicAt + Long.BYTES;
    int lengthBytes = magicAt == 0 ? Long.BYTES : 1;
    if (at + lengthBytes > end) {
      return "";
    }
    long length = magicAt == 0 ? view.getLong(at) : view.get(at) & 0xff;
    at += lengthBytes;
    if (length <= 0 || length > MAX_VERSION_BYTES || at + length > end) {
      return "";
    }
    byte[] text = new byte[(int) length];
    view.get(at, text);
    String version = new String(text, StandardCharsets.US_ASCII);
    return VERSION.matcher(version).matches() ? version : "";
  }
}
