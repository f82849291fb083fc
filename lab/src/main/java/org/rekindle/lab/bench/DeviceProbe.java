package org.rekindle.lab.bench;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.rekindle.lab.ColdCache;
import org.rekindle.lab.MeasuredRun;
import org.rekindle.linux.FreshMemory;
import org.rekindle.linux.StoreFile;

/**
 * Measures what the device of a comparison gives, in the control group and under the conditions of
 * the restores: a sequential reader as the pager's, and single reads of a block.
 */
final class DeviceProbe {
  /** Long enough for ten slices of the kernel's controller, short enough for every round. */
  private static final long SEQUENTIAL_NS = 1_500_000_000L;

  private static final int SINGLE_READS = 20;

  /** A block of the image is at most so large. */
  private static final int BLOCK_BYTES = 32 << 10;

  /** Longer than a slice of the kernel's controller (0.1 s): after it a group counts as idle. */
  private static final long IDLE_MS = 250;

  private final StorageCondition condition;

  DeviceProbe(StorageCondition condition) {
    this.condition = condition;
  }

  /** Measures on a file, which is as cold afterwards as it was before. */
  DeviceCurve measure(Path file) throws IOException {
    boolean warm = condition.cache() == MeasuredRun.Cache.WARM;
    if (!warm) {
      ColdCache.drop(List.of(file));
    }
    try (StoreFile store = StoreFile.open(file);
        Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = FreshMemory.allocateHuge(DeviceCurve.EXTENT_BYTES, arena);
      pause(IDLE_MS);
      DeviceCurve sequential = sequential(store, buffer, warm);
      pause(IDLE_MS);
      return sequential.and(singleReads(store, buffer, warm));
    }
  }

  private DeviceCurve sequential(StoreFile store, MemorySegment buffer, boolean warm)
      throws IOException {
    int extents = Math.toIntExact(store.bytes() / DeviceCurve.EXTENT_BYTES);
    List<Long> arrivedNs = new ArrayList<>();
    int read = 0;
    long elapsedNs = 0;
    long startNs = System.nanoTime();
    while (read < extents && elapsedNs < SEQUENTIAL_NS) {
      read(store, (long) read * DeviceCurve.EXTENT_BYTES, buffer, DeviceCurve.EXTENT_BYTES, warm);
      elapsedNs = System.nanoTime() - startNs;
      // With enough reads at a time, first bytes are waited for once: the limit, not what we do.
      arrivedNs.add(elapsedNs - read * condition.firstByteNs());
      read++;
    }
    if (read == 0) {
      return DeviceCurve.UNKNOWN;
    }
    double bytesPerSecond = 1e9 * read * DeviceCurve.EXTENT_BYTES / elapsedNs;
    return new DeviceCurve(arrivedNs, List.of(bytesPerSecond), List.of());
  }

  private DeviceCurve singleReads(StoreFile store, MemorySegment buffer, boolean warm)
      throws IOException {
    Random random = new Random(1);
    int blocks = Math.toIntExact(store.bytes() / BLOCK_BYTES);
    List<Long> readNs = new ArrayList<>();
    for (int i = 0; i < SINGLE_READS && blocks > 0; i++) {
      long startNs = System.nanoTime();
      read(store, (long) random.nextInt(blocks) * BLOCK_BYTES, buffer, BLOCK_BYTES, warm);
      readNs.add(System.nanoTime() - startNs);
    }
    return new DeviceCurve(List.of(), List.of(), readNs);
  }

  private void read(StoreFile store, long offset, MemorySegment into, int bytes, boolean warm)
      throws IOException {
    if (condition.firstByteNs() > 0) {
      pause(condition.firstByteNs() / 1_000_000);
    }
    int read =
        warm ? store.readBuffered(offset, into, bytes) : store.readDirect(offset, into, bytes);
    if (read < bytes) {
      throw new IOException("read %d of %d bytes at %d".formatted(read, bytes, offset));
    }
  }

  static void pause(long ms) throws IOException {
    try {
      Thread.sleep(ms);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw (IOException)
          new InterruptedIOException("interrupted while the device was measured")
              .initCause(interrupted);
    }
  }
}
