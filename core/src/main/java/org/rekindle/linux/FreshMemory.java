package org.rekindle.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Memory fresh from the kernel: zeros, and absent until touched, so that having it costs nothing.
 *
 * <p>{@link Arena#allocate} fills what it gives with zeros, which makes it present at once: 11 MiB
 * of buffers were 5 ms of each restore before its guest ran, most of them never needed.
 */
public final class FreshMemory {
  private static final long PAGE_BYTES = 4096;
  private static final long HUGE_PAGE_BYTES = 2 << 20;

  private FreshMemory() {}

  /**
   * Allocates memory that is aligned to a page.
   *
   * @param arena how long it lives
   * @throws LinuxException if there is no memory
   */
  public static MemorySegment allocate(long bytes, Arena arena) throws LinuxException {
    long mapping = map(bytes);
    return segment(mapping, bytes, mapping, bytes, arena);
  }

  /**
   * Allocates memory for large direct reads: aligned to 2 MiB, in huge pages where the kernel has
   * them.
   *
   * <p>A direct read goes straight into the pages of its buffer, and a block device takes a bounded
   * number of separate pieces in one request (254 on virtio-blk): 1 MiB into scattered 4 KiB pages
   * becomes two requests, and on a device that is bounded by requests half the bandwidth (64
   * instead of 121 MB/s on a disk throttled to 120 MB/s and 120 reads/s).
   *
   * <p>The first read makes them present. Not this method: in a virtual machine that reports free
   * memory to its host, a huge page took 5 ms to come back.
   *
   * @param arena how long it lives
   * @throws LinuxException if there is no memory
   */
  public static MemorySegment allocateHuge(long bytes, Arena arena) throws LinuxException {
    long mapped = (bytes + 2 * HUGE_PAGE_BYTES - 1) & -HUGE_PAGE_BYTES;
    long mapping = map(mapped);
    long aligned = (mapping + HUGE_PAGE_BYTES - 1) & -HUGE_PAGE_BYTES;
    // SAFETY: the end of the mapping, which nobody else knows yet. Advice: it may be refused.
    Libc.madvise(aligned, mapping + mapped - aligned, Abi.MADV_HUGEPAGE);
    return segment(aligned, bytes, mapping, mapped, arena);
  }

  private static long map(long bytes) throws LinuxException {
    long mapping =
        Libc.mmap(
            Math.max(PAGE_BYTES, bytes),
            Abi.PROT_READ | Abi.PROT_WRITE,
            Abi.MAP_PRIVATE | Abi.MAP_ANONYMOUS,
            -1,
            0);
    if (mapping < 0) {
      throw new LinuxException("allocate " + bytes + " bytes", (int) -mapping);
    }
    return mapping;
  }

  private static MemorySegment segment(
      long address, long bytes, long mapping, long mapped, Arena arena) {
    // SAFETY: address + bytes lies within the mapping, which is unmapped only when the arena
    // closes.
    return MemorySegment.ofAddress(address)
        .reinterpret(bytes, arena, _ -> Libc.munmap(mapping, Math.max(PAGE_BYTES, mapped)));
  }
}
