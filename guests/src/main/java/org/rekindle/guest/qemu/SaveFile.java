package org.rekindle.guest.qemu;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A file that holds a migration stream, told by its first bytes.
 *
 * <p>libvirt ({@code virsh save}) puts a header in front, little-endian on x86, of 92 bytes:
 *
 * <pre>
 *  0  "LibvirtQemudSave", or "LibvirtQemudPart" while it is being written
 * 16  u32 version 2
 * 20  u32 length of what follows the header: the domain's XML, a cookie, padding
 * 24  u32 1 if the guest was running
 * 28  u32 format: 0 raw, 1 gzip, 2 bzip2, 3 xz, 4 lzop, 5 zstd, 6 sparse (mapped-ram)
 * 32  u32 offset of the cookie, 14 * u32 unused
 * </pre>
 *
 * @param kind what it is, in words
 * @param streamOffset where the stream, or its zstd data, starts
 * @param zstd whether the stream is compressed with zstd
 * @param wasRunning whether the header says that the guest ran; null if it does not tell
 * @see <a href="https://gitlab.com/libvirt/libvirt/-/blob/v11.3.0/src/qemu/qemu_saveimage.h">
 *     qemu_saveimage.h</a>
 */
record SaveFile(String kind, long streamOffset, boolean zstd, @Nullable Boolean wasRunning) {
  private static final int LIBVIRT_HEADER_BYTES = 92;
  private static final int LIBVIRT_VERSION = 2;

  /** The XML of a domain has some 10 kB. */
  private static final int MAX_LIBVIRT_DATA_BYTES = 64 << 20;

  private static final List<String> LIBVIRT_FORMATS =
      List.of("raw", "gzip", "bzip2", "xz", "lzop", "zstd", "sparse");

  /** Files that people could take for a saved machine, and what to do with them. */
  private record Other(String magicHex, String sentence) {}

  private static final List<Other> OTHERS =
      List.of(
          compressed("1f8b", "gzip"),
          compressed("425a68", "bzip2"),
          compressed("fd377a585a00", "xz"),
          compressed("894c5a4f000d0a1a0a", "lzop"),
          compressed("04224d18", "lz4"),
          new Other("514649fb", "a qcow2 disk; a snapshot in it (savevm) is not a stream"),
          new Other("7f454c46", "an ELF file, perhaps a dump of memory without device state"),
          new Other("4b44554d50202020", "a kdump file: a dump of memory without device state"));

  private static Other compressed(String magicHex, String tool) {
    return new Other(
        magicHex,
        "compressed with %s; unpack it first: %s -dc FILE > FILE.stream".formatted(tool, tool));
  }

  /**
   * Looks at a file.
   *
   * @throws MigrationStreamException if it is none that can be read; says what it is, and what to
   *     do about it where that is known
   */
  static SaveFile detect(String name, FileChannel file) throws IOException {
    ByteBuffer head = ByteBuffer.allocate(LIBVIRT_HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    while (head.hasRemaining() && file.read(head, head.position()) > 0) {}
    byte[] magic = Arrays.copyOf(head.array(), head.flip().remaining());
    if (startsWith(magic, "5145564d")) {
      return new SaveFile("QEMU migration stream", 0, false, null);
    }
    if (startsWith(magic, "28b52ffd")) {
      return new SaveFile("QEMU migration stream compressed with zstd", 0, true, null);
    }
    String text = new String(magic, 0, Math.min(16, magic.length), StandardCharsets.US_ASCII);
    if (text.equals("LibvirtQemudSave")) {
      return libvirt(name, head, file.size());
    }
    if (text.equals("LibvirtQemudPart")) {
      throw new MigrationStreamException(name, 0, "libvirt has not finished this save");
    }
    for (Other other : OTHERS) {
      if (startsWith(magic, other.magicHex)) {
        throw new MigrationStreamException(
            name, 0, "this is " + other.sentence.replace("FILE", name));
      }
    }
    throw new MigrationStreamException(
        name,
        0,
        "expected a QEMU migration stream, a mapped-ram file or a libvirt save file, found "
            + (magic.length == 0
                ? "an empty file"
                : "the bytes "
                    + HexFormat.ofDelimiter(" ").formatHex(magic, 0, Math.min(8, magic.length))));
  }

  private static SaveFile libvirt(String name, ByteBuffer head, long fileBytes)
      throws MigrationStreamException {
    if (head.remaining() < LIBVIRT_HEADER_BYTES) {
      throw new MigrationStreamException(
          name, head.remaining(), "the file ends inside libvirt's header of 92 bytes");
    }
    int version = head.getInt(16);
    if (version != LIBVIRT_VERSION) {
      throw new MigrationStreamException(
          name,
          16,
          Integer.reverseBytes(version) == LIBVIRT_VERSION
              ? "saved by libvirt on a big-endian host"
              : "expected version 2 of libvirt's header, found "
                  + Integer.toUnsignedString(version));
    }
    int dataBytes = head.getInt(20);
    long streamOffset = LIBVIRT_HEADER_BYTES + (long) dataBytes;
    if (dataBytes < 0 || dataBytes > MAX_LIBVIRT_DATA_BYTES || streamOffset >= fileBytes) {
      throw new MigrationStreamException(
          name,
          20,
          "expected a length inside the file of %d bytes and of at most 64 MiB, found %s"
              .formatted(fileBytes, Integer.toUnsignedString(dataBytes)));
    }
    int format = head.getInt(28);
    if (format < 0 || format >= LIBVIRT_FORMATS.size()) {
      throw new MigrationStreamException(
          name, 28, "expected a known format, found " + Integer.toUnsignedString(format));
    }
    String formatName = LIBVIRT_FORMATS.get(format);
    if (format >= 1 && format <= 4) {
      throw new MigrationStreamException(
          name,
          28,
          "compressed by libvirt with %1$s; unpack it first: tail -c +%2$d %3$s | %1$s -dc > %3$s.stream"
              .formatted(formatName, streamOffset + 1, name));
    }
    return new SaveFile(
        "libvirt save file (" + formatName + ")",
        streamOffset,
        formatName.equals("zstd"),
        head.getInt(24) != 0);
  }

  private static boolean startsWith(byte[] bytes, String prefixHex) {
    byte[] prefix = HexFormat.of().parseHex(prefixHex);
    return bytes.length >= prefix.length
        && Arrays.equals(bytes, 0, prefix.length, prefix, 0, prefix.length);
  }
}
