package org.rekindle.guest.process;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.rekindle.guest.uffd.HandOver;
import org.rekindle.image.MemoryMap;
import org.rekindle.linux.Errno;
import org.rekindle.linux.LinuxException;
import org.rekindle.linux.UffdEvents;
import org.rekindle.linux.UnixListener;
import org.rekindle.linux.UnixSocket;
import org.rekindle.linux.Userfaultfd;

/*
 * The memory is a file: its pages stay in it when the mapping is dropped, and the next touch is a minor fault, which the
 * kernel tells with its kind and which is resolved in microseconds, without a copy. The kernel maps nothing around such a
 * fault, so what is seen is exact to the page.
 *
 * While nobody answers its faults, the guest's JVM must want nothing of a worker that waits for one (Worker), and both the hand-over
 * and its end can make it want that (a class that is loaded for the first time may have compiled code thrown
 * away, for which all threads are stopped). So the guest is paused while it hands over, and its faults are answered until
 * it has been let go.
 */

/**
 * The memory of a process guest that is watched: each touch of a page that is not mapped, and each
 * write to one that is protected, is an event here, and the guest's thread sleeps until it is
 * answered. One thread answers; another one may {@link #drop}.
 *
 * <p>{@link #letGo} has nobody watch any more.
 */
final class WatchedMemory implements AutoCloseable {
  private static final Duration HAND_OVER = Duration.ofSeconds(5);

  private final ProcessGuest guest;
  private final ProcessGuest.Location location;
  private final Userfaultfd uffd;
  private volatile boolean letGo;

  private WatchedMemory(ProcessGuest guest, ProcessGuest.Location location, Userfaultfd uffd) {
    this.guest = guest;
    this.location = location;
    this.uffd = uffd;
  }

  /**
   * Has a guest hand its memory over. What is mapped stays so until it is dropped.
   *
   * @param guest paused
   * @throws IOException if its memory is in no memory file
   */
  static WatchedMemory of(ProcessGuest guest) throws IOException {
    ProcessGuest.Location location = guest.memory();
    Path socket = guest.directory().resolve("watch");
    try (UnixListener listener = UnixListener.bind(socket, UnixListener.OWNER_ONLY)) {
      guest.watch(socket);
      try (UnixSocket peer =
          listener.accept().orElseThrow(() -> new IOException("the guest did not connect"))) {
        return new WatchedMemory(guest, location, HandOver.receiveDescriptor(peer, HAND_OVER));
      }
    }
  }

  int pages() {
    return Math.toIntExact(location.bytes() / MemoryMap.PAGE_BYTES);
  }

  /** For a {@link org.rekindle.linux.Poller}: readable when an event waits. */
  int fd() {
    return uffd.fd();
  }

  /** Reads the events that wait; never waits for one. */
  int read(UffdEvents into) throws IOException {
    return uffd.read(into);
  }

  /** The page that a fault is of. */
  int page(UffdEvents events, int i) {
    return (int) ((events.address(i) - location.address()) / MemoryMap.PAGE_BYTES);
  }

  private long address(int page) {
    return location.address() + (long) page * MemoryMap.PAGE_BYTES;
  }

  /** Drops pages from the mapping; what is in them stays. */
  void drop(int first, int pages) throws IOException {
    guest.drop((long) first * MemoryMap.PAGE_BYTES, (long) pages * MemoryMap.PAGE_BYTES);
  }

  /**
   * Maps a page again; who waits for it goes on waiting.
   *
   * @param isInFile false: the file has it not, and it is one of zeros
   */
  void map(int page, boolean isInFile) throws IOException {
    long at = address(page);
    long mapped;
    do {
      mapped =
          isInFile
              ? uffd.map(at, MemoryMap.PAGE_BYTES, false)
              : uffd.zero(at, MemoryMap.PAGE_BYTES, false);
    } while (mapped == -Errno.EAGAIN);
    if (mapped != -Errno.EEXIST) {
      require((int) Math.min(0, mapped), "map a page");
    }
  }

  /** Has those look again who wait for a page. */
  void wake(int page) throws IOException {
    require(uffd.wake(address(page), MemoryMap.PAGE_BYTES), "wake the guest");
  }

  /** Has the next write to a page tell. */
  void protect(int page) throws IOException {
    require(uffd.writeProtect(address(page), MemoryMap.PAGE_BYTES, true), "protect a page");
  }

  /** Lets a protected page be written, and wakes who waits to. */
  void unprotect(int page) throws IOException {
    require(uffd.writeProtect(address(page), MemoryMap.PAGE_BYTES, false), "let a page be written");
  }

  private void require(int result, String what) throws LinuxException {
    boolean over = letGo && result == -Errno.ENOENT; // nobody watches it, so nobody waits
    if (result < 0 && !over) {
      throw new LinuxException(what + " of the process guest", -result);
    }
  }

  /** Has nobody watch. Events are to be answered until it returns; those that wait then wake. */
  void letGo() throws IOException {
    letGo = true;
    guest.unwatch();
  }

  /** Lets go if that has not been done. */
  @Override
  public void close() throws IOException {
    try {
      if (!letGo && guest.isAlive()) {
        letGo();
      }
    } finally {
      uffd.close();
    }
  }
}
