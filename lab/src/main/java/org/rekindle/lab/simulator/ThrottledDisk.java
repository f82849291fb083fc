package org.rekindle.lab.simulator;

import org.rekindle.lab.DiskThrottle;

/**
 * A fast disk behind the kernel's block I/O controller: so many reads and so many bytes a second,
 * granted by the slice.
 *
 * @param limits of the control group
 * @param behind the disk itself
 */
public record ThrottledDisk(DiskThrottle.Limits limits, Flash behind) implements StorageModel {
  /*
   * What "120 reads/s" means. The controller (block/blk-throttle.c) counts in slices of a tenth of a
   * second. What a slice grants passes at once, at the speed of the disk; the next read waits for the
   * next slice, and every later one behind it, first in, first out. Measured on kernel 6.18 with 120
   * MB/s and 120 reads/s, direct reads of 4 KiB, milliseconds since the first:
   *
   *   0.4 0.7 1.1 ... 4.5 (12 reads)   107.7 107.8 ... 108.4 (12 reads)   203.7 ...
   *
   * and one read of 32 KiB every 30 ms beside a bulk reader: median 70 ms. So a fault on this disk
   * takes a tenth of a millisecond or most of a tenth of a second, and hardly ever the 8 ms that
   * the rate suggests: over seconds it is a disk, below a slice it is not.
   *
   * An idle group's first read begins a slice. What a slice grants and nobody asks for lapses; what
   * is left because the next read was too large for it is added to the next slice (1 MiB reads get
   * 120 MB/s, although 12 MB hold only 11 of them).
   */

  /** The kernel's DFL_THROTL_SLICE_HD: a tenth of a second. */
  static final long SLICE_NS = 100_000_000;

  /** The disk of the project's experiments, on the test machine's device. */
  public static final ThrottledDisk EXPERIMENTS =
      new ThrottledDisk(DiskThrottle.Limits.DISK, new Flash(100_000, 1_000_000_000));

  public ThrottledDisk {
    if (readsPerSlice(limits) < 1 || bytesPerSlice(limits) < 1) {
      throw new IllegalArgumentException("a slice of 0.1 s must grant something: " + limits);
    }
  }

  private static long readsPerSlice(DiskThrottle.Limits limits) {
    return limits.readsPerSecond() * SLICE_NS / 1_000_000_000;
  }

  private static long bytesPerSlice(DiskThrottle.Limits limits) {
    return limits.readBytesPerSecond() / (1_000_000_000 / SLICE_NS);
  }

  @Override
  public Device open() {
    return new Device() {
      private final Device disk = behind.open();
      private long sliceNs; // when the present slice began
      private long reads; // what it still grants
      private long bytesLeft;
      private long passedNs; // when the last read passed the controller
      private long idleNs; // when the group counts as idle if nothing more comes

      @Override
      public long readNs(long nowNs, long address, long bytes) {
        long atNs = Math.max(nowNs, passedNs);
        if (nowNs >= idleNs) {
          beginSlice(nowNs);
        } else if (atNs - sliceNs >= SLICE_NS) {
          beginSlice(atNs - (atNs - sliceNs) % SLICE_NS);
        }
        while (reads < 1 || bytesLeft < bytes) {
          sliceNs += SLICE_NS;
          atNs = sliceNs;
          reads += readsPerSlice(limits);
          bytesLeft += bytesPerSlice(limits);
        }
        reads--;
        bytesLeft -= bytes;
        passedNs = atNs;
        idleNs = atNs + SLICE_NS;
        return disk.readNs(atNs, address, bytes);
      }

      private void beginSlice(long ns) {
        sliceNs = ns;
        reads = readsPerSlice(limits);
        bytesLeft = bytesPerSlice(limits);
      }
    };
  }

  @Override
  public long fastestNs(long bytes) {
    long slices = Math.ceilDiv(Math.max(1, bytes), bytesPerSlice(limits)) - 1;
    return Math.max(slices * SLICE_NS, behind.fastestNs(bytes));
  }
}
