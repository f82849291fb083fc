package org.rekindle.image;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
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

  /** Gives a file or directory another name at one instant; durable once its directory is. */
  static void rename(Path from, Path to) throws IOException {
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw cannotWrite(to, e);
    }
  }

  /** Makes the names in a directory durable; Linux allows fsync of a directory opened to read. */
  static void syncDirectory(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      throw cannotWrite(directory, e);
    }
  }

  /** Says what to do about a failed write; an interrupted thread is no trouble of the disk. */
  static IOException cannotWrite(Path file, IOException cause) {
    if (cause instanceof ClosedByInterruptException) {
      InterruptedIOException interrupted =
          new InterruptedIOException("interrupted while writing " + file);
      interrupted.initCause(cause);
      return interrupted;
    }
    if (cause instanceof AccessDeniedException) {
      return new IOException(
          "cannot write " + file + ": permission denied; choose another place or user", cause);
    }
    String reason = cause instanceof FileSystemException named ? named.getReason() : null;
    return new IOException(
        "cannot write %s: %s; check the space and the quota there, or choose another place"
            .formatted(file, reason == null ? cause.getMessage() : reason),
        cause);
  }
}
