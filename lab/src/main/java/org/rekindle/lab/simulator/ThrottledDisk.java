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
   * What "120 reads/s" means, by the controller's own rule (block/blk-throttle.c, Linux 6.18; read, not
   * fitted). It counts time in ticks and grants in slices of a tenth of a second:
   *
   *   The first read of an idle group begins a slice. A read passes at once if all that has passed
   *   since the slice began, and itself, is no more than the limits allow until the end of the tenth of a
   *   second that is running. What is not used in one tenth may so be used in a later one.
   *   Otherwise it waits, and every later one behind it, first in, first out: for the next tenth if reads
   *   are short; if bytes are short, for as long after the end of this tenth as the missing bytes
   *   take. The timer that ends the wait fires in the tick after that.
   *   As soon as two tenths are over, all but the last whole one are settled: their grants are taken off
   *   what has passed, and what they granted beyond it lapses. So at most two tenths' grants are ever at
   *   hand. A group counts as idle one to two tenths after its last read (a multiple of a tenth on the
   *   kernel's clock, whose phase is unknown here).
   *
   * So a fault on this disk takes a tenth of a millisecond or most of a tenth of a second, and
   * hardly ever the 8 ms that the rate suggests: over seconds it is a disk, below a slice it is not. Measured
   * (120 MB/s, 120 reads/s; ThrottledDiskTest has every read): reads of 4 KiB one after the other,
   * milliseconds since the first:
   *
   *   0.3 0.4 0.5 ... 1.2 (12 reads)   102.9 ... (12 reads)   203.0 ... (12 reads)   303.1
   */

  /** The kernel's clock on the test machine, and of Debian's and Ubuntu's kernels: HZ = 250. */
  static final long TICK_NS = 4_000_000;

  /** The kernel's DFL_THROTL_SLICE, HZ / 10: a tenth of a second. */
  private static final long SLICE_TICKS = 25;

  static final long SLICE_NS = SLICE_TICKS * TICK_NS;

  private static final long TICKS_PER_SECOND = 250;

  /** The disk of the project's experiments, on the test machine's device. */
  public static final ThrottledDisk EXPERIMENTS =
      new ThrottledDisk(DiskThrottle.Limits.DISK, new Flash(100_000, 1_000_000_000));

  public ThrottledDisk {
    if (granted(limits.readsPerSecond(), SLICE_TICKS) < 1
        || granted(limits.readBytesPerSecond(), SLICE_TICKS) < 1) {
      throw new IllegalArgumentException("a slice of 0.1 s must grant something: " + limits);
    }
  }

  private static long granted(long perSecond, long ticks) {
    return perSecond * ticks / TICKS_PER_SECOND;
  }

  @Override
  public Device open() {
    return new Throttled(behind.open());
  }

  /** The control group's state; names as in the kernel where they say what they mean. */
  private final class Throttled implements Device {
    private final Device disk;
    private long sliceStart; // in ticks, as everything but passedNs
    private long sliceEnd = -1;
    private long reads; // that have passed since the slice began and are not settled
    private long bytes;
    private long passedNs; // when the last read passed the controller

    Throttled(Device disk) {
      this.disk = disk;
    }

    @Override
    public long readNs(long nowNs, long address, long wanted) {
      boolean queued = passedNs > nowNs; // behind one that is still waiting
      passedNs = Math.max(nowNs, passedNs);
      long now = passedNs / TICK_NS;
      if (!queued && now > sliceEnd) {
        sliceStart = now;
        sliceEnd = now + SLICE_TICKS;
        reads = 0;
        bytes = 0;
      }
      now = passAt(now, waitForBytes(now, wanted));
      bytes += wanted;
      now = passAt(now, waitForRead(now));
      reads++;
      settle(now);
      return disk.readNs(passedNs, address, wanted);
    }

    /** Ends a wait that begins now; returns when. */
    private long passAt(long now, long waitTicks) {
      extend(now + Math.max(SLICE_TICKS, waitTicks));
      if (waitTicks == 0) {
        return now;
      }
      long fires = now + waitTicks + 1;
      passedNs = fires * TICK_NS;
      extend(fires + SLICE_TICKS);
      return fires;
    }

    private void extend(long until) {
      sliceEnd = Math.max(sliceEnd, roundUp(until));
    }

    private long waitForBytes(long now, long wanted) {
      long elapsed = now - sliceStart;
      long allowedUntil = Math.max(SLICE_TICKS, roundUp(elapsed));
      long missing = bytes + wanted - granted(limits.readBytesPerSecond(), allowedUntil);
      return missing <= 0
          ? 0
          : Math.max(1, missing * TICKS_PER_SECOND / limits.readBytesPerSecond())
              + allowedUntil
              - elapsed;
    }

    private long waitForRead(long now) {
      long elapsed = now - sliceStart;
      long allowedUntil = roundUp(elapsed + 1);
      return reads < granted(limits.readsPerSecond(), allowedUntil)
          ? 0
          : Math.max(allowedUntil - elapsed, TICKS_PER_SECOND / limits.readsPerSecond() + 1);
    }

    /** Takes whole slices that are over off the account, but for the last. */
    private void settle(long now) {
      sliceEnd = roundUp(now + SLICE_TICKS);
      long over = (now - sliceStart) / SLICE_TICKS * SLICE_TICKS - SLICE_TICKS;
      if (over < SLICE_TICKS) {
        return;
      }
      reads -= Math.min(reads, granted(limits.readsPerSecond(), over));
      bytes -= Math.min(bytes, granted(limits.readBytesPerSecond(), over));
      sliceStart += over;
    }

    private static long roundUp(long ticks) {
      return Math.ceilDiv(ticks, SLICE_TICKS) * SLICE_TICKS;
    }
  }

  /** Within one tenth of a second passes what it grants; the first begins up to a tick ago. */
  @Override
  public long fastestNs(long bytes) {
    long slices =
        Math.ceilDiv(Math.max(1, bytes), granted(limits.readBytesPerSecond(), SLICE_TICKS)) - 1;
    return Math.max(
        slices == 0 ? 0 : slices * SLICE_TICKS * TICK_NS - TICK_NS, behind.fastestNs(bytes));
  }
}
