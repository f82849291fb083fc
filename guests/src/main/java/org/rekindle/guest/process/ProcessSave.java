package org.rekindle.guest.process;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.Manifest;
import org.rekindle.image.MemoryMap;
import org.rekindle.linux.ProcessMemory;

/** Saves a process guest: paused between two operations, its memory read from outside. */
public final class ProcessSave {
  /** What is read at a time. */
  private static final int CHUNK_BYTES = 1 << 20;

  private ProcessSave() {}

  /**
   * Saves it. All of its memory must be there. It is paused by that, and stays so.
   *
   * @param directory of the image; it must not exist yet
   * @return bytes of all files of the image
   */
  public static long save(
      ProcessGuest guest, Path directory, ImageWriter.Options options, Image.Progress progress)
      throws IOException {
    ProcessGuest.Location location = guest.memory();
    MemoryMap memory = ProcessMachine.memory(location.bytes());
    try (ImageWriter writer = ImageWriter.create(directory, memory, options)) {
      writer.deviceState(new SavedProcess(guest.pause()).deviceState());
      read(guest, location, writer, progress);
      Instant now = Instant.now().truncatedTo(ChronoUnit.SECONDS);
      return writer.commit(new Manifest(SavedProcess.KIND, now, memory, Map.of()));
    }
  }

  private static void read(
      ProcessGuest guest,
      ProcessGuest.Location location,
      ImageWriter writer,
      Image.Progress progress)
      throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment chunk = arena.allocate(CHUNK_BYTES, MemoryMap.PAGE_BYTES);
      for (long offset = 0; offset < location.bytes(); offset += CHUNK_BYTES) {
        long bytes = Math.min(CHUNK_BYTES, location.bytes() - offset);
        ProcessMemory.read(guest.pid(), location.address() + offset, chunk.asSlice(0, bytes));
        for (long at = 0; at < bytes; at += MemoryMap.PAGE_BYTES) {
          writer.page((int) ((offset + at) / MemoryMap.PAGE_BYTES), chunk, at);
        }
        progress.update(offset + bytes, location.bytes());
      }
    }
  }
}
