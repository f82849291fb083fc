package org.rekindle.guest.process;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The memory file behind a mapping of another process: what it holds can be read while the process
 * has none of it mapped, and without the process noticing.
 */
final class LiveMemory implements AutoCloseable {
  private final FileChannel file;
  private final long offset;

  private LiveMemory(FileChannel file, long offset) {
    this.file = file;
    this.offset = offset;
  }

  /**
   * Opens what is mapped at an address (proc(5), map_files).
   *
   * @throws IOException if nothing is, or only root may look
   */
  static LiveMemory open(long pid, long address) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc", Long.toString(pid), "maps"))) {
      String[] words = line.split(" +", -1);
      String[] range = words[0].split("-", -1);
      long start = Long.parseUnsignedLong(range[0], 16);
      if (Long.compareUnsigned(start, address) <= 0
          && Long.compareUnsigned(address, Long.parseUnsignedLong(range[1], 16)) < 0) {
        Path mapped = Path.of("/proc", Long.toString(pid), "map_files", words[0]);
        long offset = Long.parseLong(words[2], 16) + address - start;
        return new LiveMemory(FileChannel.open(mapped, StandardOpenOption.READ), offset);
      }
    }
    throw new IOException("process %d has nothing at 0x%x".formatted(pid, address));
  }

  /** Reads from an offset into the memory; as much as there is room for. */
  void read(long from, MemorySegment into) throws IOException {
    ByteBuffer room = into.asByteBuffer();
    while (room.hasRemaining()) {
      if (file.read(room, offset + from + room.position()) < 0) {
        throw new EOFException("the guest's memory file ends at " + (from + room.position()));
      }
    }
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
