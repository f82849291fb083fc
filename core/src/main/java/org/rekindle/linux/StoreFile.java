package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.file.Path;

/*
 * Two descriptors
 *
 * Direct and buffered reading are properties of the open file, so there are two. Direct I/O is for
 * what is read once, ahead of need: it takes the shorter way (66 against 82 us for 32 KiB here), and
 * leaves no second copy of the guest in memory.
 *
 * The kernel's own read-ahead is switched off on the buffered descriptor (POSIX_FADV_RANDOM). It
 * looks tempting, a fault's neighbours are wanted soon, but the pager reads them itself in the order
 * that the plan says, and both guesses together spend the bandwidth twice. Measured on a disk with
 * read_ahead_kb = 8192, cold cache, 2,000 reads of 32 KiB each:
 *
 *   place of the reads              read-ahead   device reads   p90 latency
 *   anywhere                        on           61 MiB         130 us
 *   anywhere                        off          60 MiB          93 us
 *   runs of 8 in order, anywhere    on           336 MiB        632 us
 *   runs of 8 in order, anywhere    off          60 MiB          88 us
 *
 * On the same disk throttled to 20 MB/s and 100 reads/s, 240 reads in such runs took 49 MiB from the
 * device with read-ahead and 7.5 MiB without.
 */

/**
 * A file of page data, opened for the three ways of reading that a restore needs: around the page
 * cache for bulk, from the page cache only for a fault that must not wait, and through it for a
 * fault that has to.
 *
 * <p>Safe for use by several threads; {@link #close} comes after the last of them has left. Reading
 * allocates nothing. The size is taken once: an image does not grow.
 */
public final class StoreFile implements AutoCloseable {
  /** {@link #readCached}: not all of the range is in the page cache. */
  public static final int NOT_CACHED = -1;

  /** Page-cache page, and the alignment that direct I/O asks for at most on Linux (open(2)). */
  private static final int PAGE_BYTES = 4096;

  private final Path file;
  private final long fileBytes;

  /** The file lives in the page cache and nowhere else (tmpfs). */
  private final boolean inMemory;

  private final Descriptor buffered;
  private final Descriptor unbuffered;

  /** Turns false once, where the file system takes O_DIRECT at open but not at read. */
  private volatile boolean direct;

  /** One bit for each page of the file, from the last {@link #sampleResidency}. */
  private volatile long[] resident = new long[0];

  private StoreFile(
      Path file, long fileBytes, boolean inMemory, Descriptor buffered, int unbuffered) {
    this.file = file;
    this.fileBytes = fileBytes;
    this.inMemory = inMemory;
    this.buffered = buffered;
    this.unbuffered = new Descriptor(unbuffered);
    this.direct = unbuffered >= 0;
  }

  public static StoreFile open(Path file) throws IOException {
    Descriptor buffered = Descriptor.open(file, Abi.O_RDONLY);
    try {
      long bytes = Libc.lseek(buffered.fd(), 0, Abi.SEEK_END);
      if (bytes < 0) {
        throw new LinuxException("measure " + file, (int) -bytes);
      }
      // A hint: where it is refused, reads are the same and bring in more.
      Libc.posixFadvise(buffered.fd(), 0, 0, Abi.POSIX_FADV_RANDOM);
      boolean inMemory = onTmpfs(file, buffered);
      return new StoreFile(file, bytes, inMemory, buffered, inMemory ? -1 : openDirect(file));
    } catch (IOException | RuntimeException e) {
      buffered.close();
      throw e;
    }
  }

  /** A descriptor for direct I/O, or -1 where the file system has none. */
  private static int openDirect(Path file) throws IOException {
    int fd = Descriptor.tryOpen(file, Abi.O_RDONLY | Abi.O_DIRECT);
    if (fd < 0 && fd != -Errno.EINVAL) {
      throw new LinuxException("open " + file + " for direct I/O", -fd);
    }
    return Math.max(fd, -1);
  }

  /** Since Linux 6.6 tmpfs takes O_DIRECT and ignores it: the page cache is all it has. */
  private static boolean onTmpfs(Path file, Descriptor descriptor) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment statfs = arena.allocate(Abi.STATFS_BYTES, 8);
      // SAFETY: a struct statfs of that size, alive until the arena is closed.
      int result = Libc.fstatfs(descriptor.fd(), statfs.address());
      if (result < 0) {
        throw new LinuxException("ask for the file system of " + file, -result);
      }
      return statfs.get(JAVA_LONG, Abi.STATFS_TYPE) == Abi.TMPFS_MAGIC;
    }
  }

  /** Size of the file when it was opened. */
  public long bytes() {
    return fileBytes;
  }

  /**
   * Reads around the page cache (O_DIRECT; through it where the file system has none, see {@link
   * #isDirect}).
   *
   * @param offset multiple of 4096
   * @param into native memory aligned to 4096
   * @param bytes multiple of 4096; may reach beyond the end of the file
   * @return bytes read, less than asked for only at the end of the file
   */
  public int readDirect(long offset, MemorySegment into, int bytes) throws IOException {
    long address = into.address();
    if (((offset | address | bytes) & (PAGE_BYTES - 1)) != 0) {
      throw new IllegalArgumentException(
          "direct read of %d bytes at %d into 0x%x: all must be multiples of %d"
              .formatted(bytes, offset, address, PAGE_BYTES));
    }
    int done = direct ? readFully(unbuffered, offset, into, 0, bytes) : -Errno.EINVAL;
    if (done == -Errno.EINVAL) {
      direct = false;
      done = readFully(buffered, offset, into, 0, bytes);
    }
    return checked(done, offset);
  }

  /** Whether {@link #readDirect} really goes around the page cache. */
  public boolean isDirect() {
    return direct;
  }

  /**
   * Reads only if every byte is in the page cache: never waits for the device. {@link #NOT_CACHED}
   * otherwise, and always where the file system cannot tell (preadv2 with RWF_NOWAIT). On tmpfs
   * everything is in the page cache.
   *
   * @param into native memory
   * @return bytes read, less than asked for only at the end of the file
   */
  public int readCached(long offset, MemorySegment into, int bytes) throws IOException {
    return readCached(offset, into, 0, bytes);
  }

  /** As above, into the range of {@code into} that begins at {@code intoOffset}. */
  public int readCached(long offset, MemorySegment into, long intoOffset, int bytes)
      throws IOException {
    if (inMemory) {
      return checked(readFully(buffered, offset, into, intoOffset, bytes), offset);
    }
    long address = Libc.addressOf(into, intoOffset, bytes, true);
    long done;
    try {
      do {
        // SAFETY: the range was checked; the fence keeps the segment alive.
        done = Libc.preadv2(buffered.fd(), address, bytes, offset, Abi.RWF_NOWAIT);
      } while (done == -Errno.EINTR);
    } finally {
      Reference.reachabilityFence(into);
    }
    long wanted = Math.min(bytes, Math.max(0, fileBytes - offset));
    if (done == -Errno.EAGAIN || done == -Errno.EOPNOTSUPP || (done >= 0 && done < wanted)) {
      return NOT_CACHED;
    }
    return checked((int) done, offset);
  }

  /**
   * Reads through the page cache, waiting for the device where it must. Brings in the pages of the
   * range and no others: there is no read-ahead.
   *
   * @param into native memory
   * @return bytes read, less than asked for only at the end of the file
   */
  public int readBuffered(long offset, MemorySegment into, int bytes) throws IOException {
    return checked(readFully(buffered, offset, into, 0, bytes), offset);
  }

  /** Reads up to the end of the range or of the file; a negated error number where that fails. */
  private int readFully(
      Descriptor from, long offset, MemorySegment into, long intoOffset, int bytes) {
    long address = Libc.addressOf(into, intoOffset, bytes, true);
    int done = 0;
    try {
      while (done < bytes && (done == 0 || offset + done < fileBytes)) {
        // SAFETY: the range was checked; the fence keeps the segment alive.
        long read = Libc.pread(from.fd(), address + done, bytes - done, offset + done);
        if (read == 0) {
          break;
        }
        if (read < 0 && read != -Errno.EINTR) {
          return (int) read;
        }
        done += (int) Math.max(0, read);
      }
    } finally {
      Reference.reachabilityFence(into);
    }
    return done;
  }

  private int checked(int done, long offset) throws LinuxException {
    if (done < 0) {
      throw new LinuxException("read " + file + " at offset " + offset, -done);
    }
    return done;
  }

  /**
   * Notes which pages of the file are in the page cache, for {@link #isResident}. Takes about a
   * millisecond for each GiB, so not for the fault path.
   */
  public void sampleResidency() throws IOException {
    resident = PageCache.residency(buffered.fd(), fileBytes, file);
  }

  /**
   * Whether all of the range was in the page cache at the last {@link #sampleResidency}: then
   * reading through the cache is cheaper than direct I/O. What lies beyond the end of the file
   * counts as resident; without a sample nothing is. Allocates nothing and enters no kernel.
   */
  public boolean isResident(long offset, long bytes) {
    return PageCache.allSet(
        resident, offset / PAGE_BYTES, (Math.min(offset + bytes, fileBytes) - 1) / PAGE_BYTES);
  }

  /** How many bytes of the file are in the page cache, in whole pages (mincore). */
  public long residentBytes() throws IOException {
    long pages = 0;
    for (long word : PageCache.residency(buffered.fd(), fileBytes, file)) {
      pages += Long.bitCount(word);
    }
    return pages * PAGE_BYTES;
  }

  /**
   * Writes the file back and drops it from the page cache (posix_fadvise); verify by {@link
   * #residentBytes}: pages that somebody has mapped or is writing stay, and tmpfs keeps all.
   */
  public void dropFromCache() throws IOException {
    int result;
    do {
      result = Libc.fdatasync(buffered.fd());
    } while (result == -Errno.EINTR);
    if (result < 0) {
      throw new LinuxException("write back " + file, -result);
    }
    result = Libc.posixFadvise(buffered.fd(), 0, 0, Abi.POSIX_FADV_DONTNEED);
    if (result < 0) {
      throw new LinuxException("drop " + file + " from the page cache", -result);
    }
  }

  @Override
  public void close() {
    buffered.close();
    unbuffered.close();
  }
}
