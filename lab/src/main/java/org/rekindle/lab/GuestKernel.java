package org.rekindle.lab;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A bootable Linux kernel of the host.
 *
 * @param image a bzImage
 * @param modules where its modules are; need not exist
 * @param origin where it was found, for people
 */
record GuestKernel(Path image, Path modules, String origin) {
  private static final int MAGIC_OFFSET = 0x202; // "HdrS"
  private static final int VERSION_OFFSET = 0x20E; // u16: where the version's text is, minus 0x200
  private static final int MAX_VERSION_BYTES = 256;

  /** The kernel that the variable REKINDLE_GUEST_KERNEL names. */
  static Optional<GuestKernel> named(@org.jspecify.annotations.Nullable String variable)
      throws IOException {
    if (variable == null || variable.isBlank()) {
      return Optional.empty();
    }
    Path image = Path.of(variable).toAbsolutePath();
    if (!Files.isReadable(image)) {
      throw new IOException("REKINDLE_GUEST_KERNEL names " + image + ", which cannot be read");
    }
    return Optional.of(at(image, "REKINDLE_GUEST_KERNEL"));
  }

  /** The newest kernel of a directory such as {@code /boot} that this process can read. */
  static Optional<GuestKernel> newestIn(Path boot, String origin) throws IOException {
    if (!Files.isDirectory(boot)) {
      return Optional.empty();
    }
    List<Path> images;
    try (Stream<Path> files = Files.list(boot)) {
      images =
          files
              .filter(file -> file.getFileName().toString().startsWith("vmlinuz-"))
              .filter(Files::isReadable)
              .sorted(Comparator.comparing(GuestKernel::modified).reversed())
              .toList();
    }
    return images.isEmpty() ? Optional.empty() : Optional.of(at(images.getFirst(), origin));
  }

  private static java.nio.file.attribute.FileTime modified(Path file) {
    try {
      return Files.getLastModifiedTime(file);
    } catch (IOException vanished) {
      return java.nio.file.attribute.FileTime.fromMillis(0);
    }
  }

  /**
   * Modules lie in {@code lib/modules} beside the kernel's directory when it was unpacked, or in
   * the host's.
   */
  private static GuestKernel at(Path image, String origin) throws IOException {
    String version = version(image);
    Path unpacked = image.resolveSibling("../lib/modules").resolve(version).normalize();
    Path modules =
        Files.isDirectory(unpacked) ? unpacked : Path.of("/lib/modules").resolve(version);
    return new GuestKernel(image, modules, origin);
  }

  /**
   * The version that a bzImage carries in its setup header, such as {@code 6.1.0-56-cloud-amd64}.
   * Source: the kernel's Documentation/arch/x86/boot.rst.
   */
  static String version(Path image) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "r")) {
      if (file.length() < VERSION_OFFSET + 2) {
        throw new IOException(image + " is too short for a bzImage: " + file.length() + " bytes");
      }
      byte[] magic = new byte[4];
      file.seek(MAGIC_OFFSET);
      file.readFully(magic);
      if (!new String(magic, StandardCharsets.US_ASCII).equals("HdrS")) {
        throw new IOException(image + " is not a bzImage: no \"HdrS\" at offset " + MAGIC_OFFSET);
      }
      file.seek(VERSION_OFFSET);
      int offset = Short.toUnsignedInt(Short.reverseBytes(file.readShort())) + 0x200;
      byte[] text = new byte[MAX_VERSION_BYTES];
      file.seek(offset);
      int bytes = Math.max(0, file.read(text));
      String words = new String(text, 0, bytes, StandardCharsets.ISO_8859_1).split("\0", 2)[0];
      String version = words.split(" ", 2)[0];
      if (!version.matches("[A-Za-z0-9.+~_-]{1,100}") || version.startsWith(".")) {
        throw new IOException(image + " carries no version at offset " + offset);
      }
      return version;
    }
  }
}
