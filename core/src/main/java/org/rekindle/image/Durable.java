package org.rekindle.image;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Files and directories that are still there after a power cut. */
final class Durable {
  private Durable() {}

  /** Writes a whole new file (or the whole file anew) and waits until the disk has it. */
  static void write(Path file, byte[] content) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.WRITE,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      ByteBuffer rest = ByteBuffer.wrap(content);
      while (rest.hasRemaining()) {
        channel.write(rest);
      }
      channel.force(true);
    } catch (IOException e) {
      throw cannotWrite(file, e);
    }
  }

  /** Makes the names in a directory durable; Linux allows fsync of a directory opened to read. */
  static void syncDirectory(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  static IOException cannotWrite(Path file, IOException cause) {
    return new IOException(
        "cannot write "
            + file
            + ": "
            + cause.getMessage()
            + "; check the free space and the quota there, or choose another place",
        cause);
  }
}
