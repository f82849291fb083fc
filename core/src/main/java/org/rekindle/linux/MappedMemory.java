package org.rekindle.linux;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Memory that this process has mapped for itself, page by page under its own control: zeros at
 * first, and absent until touched.
 *
 * <p>It is reserved by address only (MAP_NORESERVE), so that it may be larger than what will ever
 * be present at a time.
 */
public final class MappedMemory implements AutoCloseable {
  private static final int READ_WRITE = Abi.PROT_READ | Abi.PROT_WRITE;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment segment;

  private MappedMemory(long bytes, int flags, int fd, long offset) throws IOException {
    long address = Libc.mmap(bytes, READ_WRITE, flags, fd, offset);
    if (address < 0) {
      throw new LinuxException("map " + bytes + " bytes", (int) -address);
    }
    // SAFETY: mapped just now with that length; unmapped only when the arena is closed, and then no
    // thread is inside the segment any more.
    segment =
        MemorySegment.ofAddress(address)
            .reinterpret(bytes, arena, _ -> Libc.munmap(address, bytes));
  }

  /** Private memory in pages of 4 KiB, and of them only (no transparent huge pages). */
  public static MappedMemory anonymous(long bytes) throws IOException {
    int flags = Abi.MAP_PRIVATE | Abi.MAP_ANONYMOUS | Abi.MAP_NORESERVE;
    MappedMemory memory = new MappedMemory(bytes, flags, -1, 0);
    memory.advise(0, bytes, Abi.MADV_NOHUGEPAGE);
    return memory;
  }

  /**
   * Private memory in huge pages of 2 MiB, from the system's pool of them.
   *
   * @throws LinuxException ENOMEM if the pool is too small (sysctl vm.nr_hugepages)
   */
  public static MappedMemory anonymousHuge(long bytes) throws IOException {
    int huge = Abi.MAP_HUGETLB | Abi.MAP_HUGE_2MB;
    return new MappedMemory(bytes, Abi.MAP_PRIVATE | Abi.MAP_ANONYMOUS | huge, -1, 0);
  }

  /** A part of a memory file, shared with all others who map it. */
  public static MappedMemory of(MemoryFile file, long offset, long bytes) throws IOException {
    return new MappedMemory(bytes, Abi.MAP_SHARED | Abi.MAP_NORESERVE, file.fd(), offset);
  }

  /** Its bytes; usable by all threads until this is closed. */
  public MemorySegment segment() {
    return segment;
  }

  public long address() {
    return segment.address();
  }

  /**
   * Drops whole pages from this mapping (MADV_DONTNEED): private memory is zeros again, of a memory
   * file the content stays, unmapped. If a userfaultfd with REMOVE events watches the range, this
   * waits until the event has been read.
   */
  public void discard(long offset, long bytes) throws IOException {
    advise(offset, bytes, Abi.MADV_DONTNEED);
  }

  /** Drops whole pages from the memory file behind it too (MADV_REMOVE): zeros again for all. */
  public void remove(long offset, long bytes) throws IOException {
    advise(offset, bytes, Abi.MADV_REMOVE);
  }

  private void advise(long offset, long bytes, int advice) throws IOException {
    Objects.checkFromIndexSize(offset, bytes, segment.byteSize());
    // SAFETY: lies within the mapping, which stays as long as this object is not closed.
    int result = Libc.madvise(segment.address() + offset, bytes, advice);
    if (result < 0 && advice != Abi.MADV_NOHUGEPAGE) { // a kernel without huge pages refuses that
      throw new LinuxException(
          "madvise %d of %d bytes at offset %d".formatted(advice, bytes, offset), -result);
    }
  }

  /** Unmaps it, once. */
  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
