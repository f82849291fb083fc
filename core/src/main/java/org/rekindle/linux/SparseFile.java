package org.rekindle.linux;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.file.Path;

/**
 * A file that may have holes, to be read once from front to back: holes are found without being
 * read (SEEK_DATA and SEEK_HOLE, lseek(2)).
 *
 * <p>A hole reads as zeros, but not all zeros are holes: the file system decides, by its own block
 * size, and one without holes reports none. The size is taken once. For one thread.
 */
public final class SparseFile implements AutoCloseable {
  private final Path file;
  private final Descriptor descriptor;
  private final long fileBytes;

  private SparseFile(Path file, Descriptor descriptor, long fileBytes) {
    this.file = file;
    this.descriptor = descriptor;
    this.fileBytes = fileBytes;
  }

  /**
   * Opens a file.
   *
   * @throws LinuxException if it cannot be opened, or has no size (a pipe, a socket)
   */
  public static SparseFile open(Path file) throws IOException {
    Descriptor descriptor = Descriptor.open(file, Abi.O_RDONLY);
    try {
      long bytes = Libc.lseek(descriptor.fd(), 0, Abi.SEEK_END);
      if (bytes < 0) {
        throw new LinuxException("measure " + file, (int) -bytes);
      }
      // A hint: the kernel reads ahead twice as far, while what came before is being worked on.
      Libc.posixFadvise(descriptor.fd(), 0, 0, Abi.POSIX_FADV_SEQUENTIAL);
      return new SparseFile(file, descriptor, bytes);
    } catch (IOException | RuntimeException e) {
      descriptor.close();
      throw e;
    }
  }

  /** Size of the file when it was opened. */
  public long bytes() {
    return fileBytes;
  }

  /** Where data begins at or behind an offset; the size of the file if only a hole follows. */
  public long nextData(long offset) throws IOException {
    return seek(offset, Abi.SEEK_DATA);
  }

  /** Where a hole begins at or behind an offset; the size of the file if only data follows. */
  public long nextHole(long offset) throws IOException {
    return seek(offset, Abi.SEEK_HOLE);
  }

  private long seek(long offset, int whence) throws IOException {
    if (offset >= fileBytes) {
      return fileBytes;
    }
    long found = Libc.lseek(descriptor.fd(), offset, whence);
    if (found == -Errno.ENXIO) {
      return fileBytes; // nothing of the kind before the end
    }
    if (found < 0) {
      throw new LinuxException("look for holes in " + file, (int) -found);
    }
    return Math.min(found, fileBytes);
  }

  /**
   * Reads the range, all of it.
   *
   * @param into native memory
   * @throws IOException if the file has become shorter
   */
  public void read(long offset, MemorySegment into, long intoOffset, int bytes) throws IOException {
    long address = Libc.addressOf(into, intoOffset, bytes, true);
    int done = 0;
    try {
      while (done < bytes) {
        // SAFETY: the range was checked; the fence keeps the segment alive.
        long read = Libc.pread(descriptor.fd(), address + done, bytes - done, offset + done);
        if (read == 0) {
          throw new IOException(
              "%s ends at offset %d, it had %d bytes when it was opened"
                  .formatted(file, offset + done, fileBytes));
        }
        if (read < 0 && read != -Errno.EINTR) {
          throw new LinuxException("read %s at offset %d".formatted(file, offset), (int) -read);
        }
        done += (int) Math.max(0, read);
      }
    } finally {
      Reference.reachabilityFence(into);
    }
  }

  @Override
  public void close() {
    descriptor.close();
  }
}
