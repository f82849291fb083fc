package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;

/*
 * ppoll and an eventfd
 *
 * A restore watches two or three descriptors, so ppoll, which hands over the whole table each time,
 * costs no more than epoll, and unlike epoll_wait it takes nanoseconds. (A tree of processes has one
 * for each; a thousand take a few tens of microseconds.) The first row of the table is an eventfd:
 * wake() makes it readable.
 *
 * Many threads may wake at once (each reader that has decoded a block), so only the first wake since
 * the last one was noticed makes a system call; the flag "waking" tells. poll() empties the eventfd
 * first and lowers the flag second. A wake that falls in between makes no call, and needs none: the
 * poll that it should end is about to return, and by the flag's happens-before the caller of poll
 * sees what the waker had published. The other order would lose: a wake between lowering and
 * emptying is swallowed with the flag left up, and no later wake would ever write again.
 */

/**
 * Waits for several descriptors and for {@link #wake}. One thread calls everything but {@link
 * #wake}, which every thread may call, also after {@link #close}. Polling and waking allocate
 * nothing.
 */
public final class Poller implements AutoCloseable {
  /** No descriptor. */
  private static final int FREE = -1;

  /** What tells the owner of a descriptor to read: data, or the end, which a read then reports. */
  private static final int READABLE = Abi.POLLIN | Abi.POLLHUP | Abi.POLLERR | Abi.POLLNVAL;

  private final Descriptor wakeup;
  private final AtomicBoolean waking = new AtomicBoolean();

  /** struct pollfd[1 + fds.length]; row 0 is the eventfd, row i + 1 has index i. */
  private MemorySegment table;

  /**
   * The descriptors by index: in the table they are negative while nothing is waited for. {@link
   * #FREE} where one was removed.
   */
  private int[] fds;

  private int count;

  /** With room for so many descriptors; more find room as they come. */
  public Poller(int capacity) throws IOException {
    if (capacity < 0) {
      throw new IllegalArgumentException("capacity " + capacity);
    }
    this.fds = new int[capacity];
    this.table = table(capacity);
    int fd = Libc.eventfd(0, Abi.EFD_NONBLOCK | Abi.EFD_CLOEXEC);
    if (fd < 0) {
      throw new LinuxException("make an eventfd", -fd);
    }
    this.wakeup = new Descriptor(fd);
    table.set(JAVA_INT, Abi.POLLFD_FD, fd);
    table.set(JAVA_SHORT, Abi.POLLFD_EVENTS, Abi.POLLIN);
  }

  /**
   * Adds a descriptor, at first waited for by nobody; the result names it in the other calls. It
   * stays its owner's to close, after {@link #interest} in it was withdrawn.
   */
  public int add(int fd) {
    if (fd < 0) {
      throw new IllegalArgumentException("descriptor " + fd + " is closed");
    }
    int index = 0;
    while (index < count && fds[index] != FREE) {
      index++;
    }
    if (index == fds.length) {
      fds = Arrays.copyOf(fds, Math.max(8, 2 * fds.length));
      table = table(fds.length).copyFrom(table);
    }
    count = Math.max(count, index + 1);
    fds[index] = fd;
    interest(index, false, false);
    return index;
  }

  private static MemorySegment table(int capacity) {
    return Arena.ofAuto().allocate((1L + capacity) * Abi.POLLFD_BYTES, 8);
  }

  /** Watches a descriptor no more; its name will be that of another. */
  public void remove(int index) {
    interest(index, false, false);
    fds[index] = FREE;
  }

  /**
   * What to wait for at this descriptor. While it is neither, even a hung-up descriptor does not
   * end {@link #poll}.
   */
  public void interest(int index, boolean read, boolean write) {
    long row = row(index);
    boolean ignored = !read && !write;
    int events = (read ? Abi.POLLIN : 0) | (write ? Abi.POLLOUT : 0);
    table.set(JAVA_INT, row + Abi.POLLFD_FD, ignored ? ~fds[index] : fds[index]);
    table.set(JAVA_SHORT, row + Abi.POLLFD_EVENTS, (short) events);
    table.set(JAVA_SHORT, row + Abi.POLLFD_REVENTS, (short) 0);
  }

  /**
   * Waits until a descriptor is ready, {@link #wake} is called, or the time is over.
   *
   * @param timeoutNs 0: do not wait; negative: wait without end
   * @return how many of the added descriptors are ready
   */
  public int poll(long timeoutNs) throws IOException {
    long deadlineNs = timeoutNs > 0 ? System.nanoTime() + timeoutNs : 0;
    int ready = ppoll(timeoutNs);
    while (ready == -Errno.EINTR) {
      ready = ppoll(timeoutNs > 0 ? Math.max(0, deadlineNs - System.nanoTime()) : timeoutNs);
    }
    if (ready < 0) {
      throw new LinuxException("poll " + count + " descriptors", -ready);
    }
    if (table.get(JAVA_SHORT, Abi.POLLFD_REVENTS) == 0) {
      return ready;
    }
    Libc.eventfdDrain(wakeup.fd());
    waking.set(false);
    return ready - 1;
  }

  private int ppoll(long timeoutNs) {
    try {
      // SAFETY: the table has at least 1 + count rows; the fence keeps it alive.
      return Libc.ppoll(table.address(), 1 + count, timeoutNs);
    } finally {
      Reference.reachabilityFence(table);
    }
  }

  /** What is the matter with one descriptor now: its POLLIN, POLLHUP and the like. */
  static int events(int fd) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment row = arena.allocate(Abi.POLLFD_BYTES, 8);
      row.set(JAVA_INT, Abi.POLLFD_FD, fd);
      row.set(JAVA_SHORT, Abi.POLLFD_EVENTS, Abi.POLLIN);
      int ready;
      do {
        // SAFETY: a table of one row, alive until the arena is closed.
        ready = Libc.ppoll(row.address(), 1, 0);
      } while (ready == -Errno.EINTR);
      if (ready < 0) {
        throw new LinuxException("poll descriptor " + fd, -ready);
      }
      return row.get(JAVA_SHORT, Abi.POLLFD_REVENTS);
    }
  }

  /** Whether the last {@link #poll} found something to read, the end of the stream, or an error. */
  public boolean readable(int index) {
    return (table.get(JAVA_SHORT, row(index) + Abi.POLLFD_REVENTS) & READABLE) != 0;
  }

  /** Whether the last {@link #poll} found room for writing. */
  public boolean writable(int index) {
    return (table.get(JAVA_SHORT, row(index) + Abi.POLLFD_REVENTS) & Abi.POLLOUT) != 0;
  }

  /** Ends the current or the next {@link #poll}. Callable from every thread; never waits. */
  public void wake() {
    if (!waking.getAndSet(true)) {
      signal();
    }
  }

  /** Excludes {@link #close}, lest the number belong to another file by the time of the write. */
  private synchronized void signal() {
    Libc.eventfdAdd(wakeup.fd());
  }

  private long row(int index) {
    return (1L + Objects.checkIndex(index, count)) * Abi.POLLFD_BYTES;
  }

  /** Closes the poller, not the descriptors added to it. */
  @Override
  public synchronized void close() {
    wakeup.close();
  }
}
