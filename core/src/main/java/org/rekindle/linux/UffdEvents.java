package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Room for a batch of events of a {@link Userfaultfd}, read again and again (struct uffd_msg,
 * ioctl_userfaultfd(2)). All addresses are those of the process that is watched. Reading an event
 * out of it allocates nothing.
 */
public final class UffdEvents {
  /** A thread waits for a page: {@link #address}, {@link #write} and the like, {@link #thread}. */
  public static final int PAGEFAULT = Abi.UFFD_EVENT_PAGEFAULT;

  /** The process has forked: {@link #takeForked}. */
  public static final int FORK = Abi.UFFD_EVENT_FORK;

  /** A range has moved (mremap): {@link #from}, {@link #to}, {@link #length}. */
  public static final int REMAP = Abi.UFFD_EVENT_REMAP;

  /** Content was given back (madvise): {@link #start} to before {@link #end}. */
  public static final int REMOVE = Abi.UFFD_EVENT_REMOVE;

  /** A range is no longer mapped: {@link #start} to before {@link #end}. */
  public static final int UNMAP = Abi.UFFD_EVENT_UNMAP;

  final MemorySegment memory;
  private final int capacity;
  int size;

  /** Room for so many events in one read. */
  public UffdEvents(int capacity) {
    this.capacity = capacity;
    this.memory = Arena.ofAuto().allocate((long) capacity * Abi.UFFD_MSG_BYTES, 8);
  }

  public int capacity() {
    return capacity;
  }

  /** How many the last read brought. */
  public int size() {
    return size;
  }

  /** What event {@code i} of the last read is. */
  public int type(int i) {
    return memory.get(JAVA_BYTE, at(i) + Abi.UFFD_MSG_EVENT);
  }

  /** Of a fault: the address, that of the page unless the feature EXACT_ADDRESS is on. */
  public long address(int i) {
    return memory.get(JAVA_LONG, at(i) + Abi.UFFD_MSG_PAGEFAULT_ADDRESS);
  }

  /** Of a fault: whether it was a write. */
  public boolean write(int i) {
    return (flags(i) & Abi.UFFD_PAGEFAULT_FLAG_WRITE) != 0;
  }

  /** Of a fault: whether the page is there and write-protected. */
  public boolean writeProtected(int i) {
    return (flags(i) & Abi.UFFD_PAGEFAULT_FLAG_WP) != 0;
  }

  /** Of a fault: whether the page is in its file and only not mapped. */
  public boolean minor(int i) {
    return (flags(i) & Abi.UFFD_PAGEFAULT_FLAG_MINOR) != 0;
  }

  private long flags(int i) {
    return memory.get(JAVA_LONG, at(i) + Abi.UFFD_MSG_PAGEFAULT_FLAGS);
  }

  /** Of a fault: the thread that waits, 0 unless the feature THREAD_ID is on. */
  public int thread(int i) {
    return memory.get(JAVA_INT, at(i) + Abi.UFFD_MSG_PAGEFAULT_PTID);
  }

  /** Of a fork: what watches the child, from now on the caller's to close. Once for each event. */
  public Userfaultfd takeForked(int i) {
    long at = at(i) + Abi.UFFD_MSG_FORK_UFD;
    int fd = memory.get(JAVA_INT, at);
    memory.set(JAVA_INT, at, -1);
    return new Userfaultfd(new Descriptor(fd));
  }

  /** Of a remap. */
  public long from(int i) {
    return memory.get(JAVA_LONG, at(i) + Abi.UFFD_MSG_REMAP_FROM);
  }

  /** Of a remap. */
  public long to(int i) {
    return memory.get(JAVA_LONG, at(i) + Abi.UFFD_MSG_REMAP_TO);
  }

  /** Of a remap, in bytes. */
  public long length(int i) {
    return memory.get(JAVA_LONG, at(i) + Abi.UFFD_MSG_REMAP_LEN);
  }

  /** Of a remove or unmap. */
  public long start(int i) {
    return memory.get(JAVA_LONG, at(i) + Abi.UFFD_MSG_REMOVE_START);
  }

  /** Of a remove or unmap. */
  public long end(int i) {
    return memory.get(JAVA_LONG, at(i) + Abi.UFFD_MSG_REMOVE_END);
  }

  private long at(int i) {
    return (long) Objects.checkIndex(i, size) * Abi.UFFD_MSG_BYTES;
  }
}
