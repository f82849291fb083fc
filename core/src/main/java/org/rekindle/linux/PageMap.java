package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.util.BitSet;

/**
 * What the kernel tells of each page of a process: whether it is mapped now, in which frame of the
 * machine's memory it lies, whether it was written (Linux's Documentation/admin-guide/mm/
 * pagemap.rst). Needs the right to trace the process. For one thread.
 */
public final class PageMap implements AutoCloseable {
  private static final int PAGE_BYTES = 4096;
  private static final int ENTRY_BYTES = 8;

  /** The highest bit of an entry: a page is mapped there. */
  private static final int PRESENT = 63;

  /** The low bits of an entry of a mapped page: the number of its frame. */
  private static final long FRAME = (1L << 55) - 1;

  /** Ranges of written pages that one call tells: 12 KiB of them, most looks need one call. */
  private static final int REGIONS = 512;

  private final Path file;
  private final Descriptor descriptor;
  private MemorySegment entries = MemorySegment.NULL;

  private final MemorySegment argument = Arena.ofAuto().allocate(Abi.PM_SCAN_ARG_BYTES, 8);
  private final MemorySegment regions =
      Arena.ofAuto().allocate((long) REGIONS * Abi.PAGE_REGION_BYTES, 8);

  private PageMap(Path file) throws IOException {
    this.file = file;
    this.descriptor = Descriptor.open(file, Abi.O_RDONLY);
  }

  /**
   * Opens that of a process.
   *
   * @throws LinuxException ENOENT if there is no such process; EACCES, EPERM if this one may not
   *     trace it
   */
  public static PageMap open(long pid) throws IOException {
    return open(Path.of("/proc", Long.toString(pid), "pagemap"));
  }

  /** Opens a file of entries, one of eight bytes for each page, little-endian. */
  public static PageMap open(Path file) throws IOException {
    return new PageMap(file);
  }

  /**
   * Sets the bits of those pages that are mapped; others stay.
   *
   * @param address of the first page
   * @param first number of the first page in {@code into}
   * @throws EOFException if the process has ended
   */
  public void present(long address, int pages, BitSet into, int first) throws IOException {
    read(address, pages);
    for (int i = 0; i < pages; i++) {
      if (entry(i) >>> PRESENT != 0) {
        into.set(first + i);
      }
    }
  }

  /**
   * In which frames pages lie.
   *
   * @param address of the first page
   * @param into gets the frame of each page, -1 for one that is not mapped, 0 if this process may
   *     not know it (CAP_SYS_ADMIN)
   * @throws EOFException if the process has ended
   */
  public void frames(long address, long[] into) throws IOException {
    read(address, into.length);
    for (int i = 0; i < into.length; i++) {
      long entry = entry(i);
      into[i] = entry >>> PRESENT == 0 ? -1 : entry & FRAME;
    }
  }

  private long entry(int page) {
    return entries.get(JAVA_LONG, (long) page * ENTRY_BYTES);
  }

  private void read(long address, int pages) throws IOException {
    long bytes = (long) pages * ENTRY_BYTES;
    if (entries.byteSize() < bytes) {
      entries = Arena.ofAuto().allocate(bytes, ENTRY_BYTES);
    }
    long position = Long.divideUnsigned(address, PAGE_BYTES) * ENTRY_BYTES;
    for (long done = 0; done < bytes; ) {
      long read;
      try {
        // SAFETY: within the memory that was just made long enough; the fence keeps it alive.
        read = Libc.pread(descriptor.fd(), entries.address() + done, bytes - done, position + done);
      } finally {
        Reference.reachabilityFence(entries);
      }
      if (read == 0) {
        throw new EOFException("%s has no entry for 0x%x: has it ended?".formatted(file, address));
      }
      if (read < 0 && read != -Errno.EINTR) {
        throw new LinuxException("read " + file, (int) -read);
      }
      done += Math.max(0, read);
    }
  }

  /**
   * Sets the bits of those pages that were written since they were protected; others stay. What was
   * never protected counts as written. Of a process that has ended nothing is written.
   *
   * @param address of the first page
   * @param protect whether to protect them again, in the same step: no write is lost
   * @param first number of the first page in {@code into}
   * @return 0, or a negated error number: EPERM if the process has not registered all of this
   *     memory with a userfaultfd that protects asynchronously ({@link
   *     Userfaultfd#FEATURE_WP_ASYNC}); ENOTTY before Linux 6.7
   */
  public int written(long address, int pages, boolean protect, BitSet into, int first) {
    long end = address + (long) pages * PAGE_BYTES;
    argument.fill((byte) 0);
    argument.set(JAVA_LONG, 0, Abi.PM_SCAN_ARG_BYTES);
    argument.set(
        JAVA_LONG,
        Abi.PM_SCAN_ARG_FLAGS,
        Abi.PM_SCAN_CHECK_WPASYNC | (protect ? Abi.PM_SCAN_WP_MATCHING : 0));
    argument.set(JAVA_LONG, Abi.PM_SCAN_ARG_END, end);
    argument.set(JAVA_LONG, Abi.PM_SCAN_ARG_VEC, regions.address());
    argument.set(JAVA_LONG, Abi.PM_SCAN_ARG_VEC_LEN, REGIONS);
    argument.set(JAVA_LONG, Abi.PM_SCAN_ARG_CATEGORY_MASK, Abi.PAGE_IS_WRITTEN);
    argument.set(JAVA_LONG, Abi.PM_SCAN_ARG_RETURN_MASK, Abi.PAGE_IS_WRITTEN);
    for (long at = address; at < end; at = argument.get(JAVA_LONG, Abi.PM_SCAN_ARG_WALK_END)) {
      argument.set(JAVA_LONG, Abi.PM_SCAN_ARG_START, at);
      int found = scan();
      if (found < 0) {
        return found;
      }
      for (int i = 0; i < found; i++) {
        long region = (long) i * Abi.PAGE_REGION_BYTES;
        long from = regions.get(JAVA_LONG, region) - address;
        long to = regions.get(JAVA_LONG, region + Abi.PAGE_REGION_END) - address;
        into.set(first + (int) (from / PAGE_BYTES), first + (int) (to / PAGE_BYTES));
      }
    }
    return 0;
  }

  private int scan() {
    try {
      int found;
      do {
        // SAFETY: the struct and the memory that it names, whose length it tells; the fences keep
        // both alive. The range is of the other process, where the kernel checks it.
        found = Libc.ioctl(descriptor.fd(), Abi.PAGEMAP_SCAN, argument.address());
      } while (found == -Errno.EINTR);
      return found;
    } finally {
      Reference.reachabilityFence(argument);
      Reference.reachabilityFence(regions);
    }
  }

  @Override
  public void close() {
    descriptor.close();
  }
}
