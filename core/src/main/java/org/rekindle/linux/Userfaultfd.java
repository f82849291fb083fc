package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Watches ranges of a process's memory and fills what is missing there (userfaultfd(2),
 * ioctl_userfaultfd(2)).
 *
 * <p>Addresses are those of the watched process, which is the one that made the descriptor; it need
 * not be this one. What the kernel answers is a value: a negated error number, or what was done.
 * One thread calls everything; nothing allocates.
 *
 * <p>Two rules of the kernel: while an event other than a fault waits to be read, filling fails
 * with EAGAIN; and a process that has given memory back (REMOVE), moved or unmapped it, or forked,
 * sleeps until its event has been read, by whichever process holds the descriptor.
 */
public final class Userfaultfd implements AutoCloseable {
  // What a userfaultfd may do beyond the least (UFFDIO_API).
  public static final long FEATURE_WRITE_PROTECT = Abi.UFFD_FEATURE_PAGEFAULT_FLAG_WP;
  public static final long FEATURE_EVENT_FORK = Abi.UFFD_FEATURE_EVENT_FORK;
  public static final long FEATURE_EVENT_REMAP = Abi.UFFD_FEATURE_EVENT_REMAP;
  public static final long FEATURE_EVENT_REMOVE = Abi.UFFD_FEATURE_EVENT_REMOVE;
  public static final long FEATURE_EVENT_UNMAP = Abi.UFFD_FEATURE_EVENT_UNMAP;
  public static final long FEATURE_MISSING_HUGETLBFS = Abi.UFFD_FEATURE_MISSING_HUGETLBFS;
  public static final long FEATURE_MISSING_SHMEM = Abi.UFFD_FEATURE_MISSING_SHMEM;
  public static final long FEATURE_THREAD_ID = Abi.UFFD_FEATURE_THREAD_ID;
  public static final long FEATURE_MINOR_SHMEM = Abi.UFFD_FEATURE_MINOR_SHMEM;
  public static final long FEATURE_EXACT_ADDRESS = Abi.UFFD_FEATURE_EXACT_ADDRESS;
  public static final long FEATURE_WP_HUGETLBFS_SHMEM = Abi.UFFD_FEATURE_WP_HUGETLBFS_SHMEM;
  public static final long FEATURE_WP_UNPOPULATED = Abi.UFFD_FEATURE_WP_UNPOPULATED;

  /** The kernel lets every write through, and a {@link PageMap} tells of it (Linux 6.7). */
  public static final long FEATURE_WP_ASYNC = Abi.UFFD_FEATURE_WP_ASYNC;

  /** To register: faults on pages that are not there. */
  public static final int MISSING = Abi.UFFDIO_REGISTER_MODE_MISSING;

  /** To register: writes to pages that were protected. */
  public static final int WRITE_PROTECT = Abi.UFFDIO_REGISTER_MODE_WP;

  /** To register: faults on pages that are in their file, but not mapped. */
  public static final int MINOR = Abi.UFFDIO_REGISTER_MODE_MINOR;

  private static final Path DEVICE = Path.of("/dev/userfaultfd");
  private static final String KIND = "anon_inode:[userfaultfd]";

  private final Descriptor descriptor;

  /** One struct of any of the ioctls. */
  private final MemorySegment argument = Arena.ofAuto().allocate(Abi.UFFDIO_COPY_BYTES, 8);

  private long features;

  Userfaultfd(Descriptor descriptor) {
    this.descriptor = descriptor;
  }

  /**
   * Makes one that watches this process.
   *
   * @param wanted features; those that the kernel lacks are not switched on, see {@link #features}
   * @param userModeOnly whether faults inside the kernel (a system call that reads a missing page)
   *     fail with EFAULT instead of being handed over: all that an ordinary user may have by
   *     default
   * @throws LinuxException EPERM or EACCES if this user may not; the message says what would help
   */
  public static Userfaultfd create(long wanted, boolean userModeOnly) throws IOException {
    int flags = Abi.O_CLOEXEC | Abi.O_NONBLOCK | (userModeOnly ? Abi.UFFD_USER_MODE_ONLY : 0);
    // UFFDIO_API is said once for each descriptor, so a first one has to ask what there is.
    long known;
    try (Userfaultfd question = new Userfaultfd(open(flags))) {
      known = question.negotiate(0);
    }
    Userfaultfd made = new Userfaultfd(open(flags));
    try {
      made.features = wanted & known;
      made.negotiate(made.features);
      return made;
    } catch (LinuxException failed) {
      made.close();
      throw failed;
    }
  }

  private static Descriptor open(int flags) throws IOException {
    int fd = Libc.userfaultfd(flags);
    if (fd == -Errno.EPERM) {
      int device = Descriptor.tryOpen(DEVICE, Abi.O_RDWR);
      if (device >= 0) {
        // SAFETY: takes a number.
        fd = Libc.ioctl(device, Abi.USERFAULTFD_IOC_NEW, flags);
        Libc.close(device);
      }
    }
    if (fd < 0) {
      throw new LinuxException(
          "make a userfaultfd (needs root, read and write access to "
              + DEVICE
              + ", or sysctl vm.unprivileged_userfaultfd=1)",
          -fd);
    }
    return new Descriptor(fd);
  }

  /** All features that the kernel has. */
  private long negotiate(long wanted) throws LinuxException {
    argument.set(JAVA_LONG, 0, Abi.UFFD_API);
    argument.set(JAVA_LONG, Abi.UFFDIO_API_FEATURES, wanted);
    argument.set(JAVA_LONG, Abi.UFFDIO_API_IOCTLS, 0);
    int result = ioctl(Abi.UFFDIO_API);
    if (result < 0) {
      throw new LinuxException("negotiate features of a userfaultfd", -result);
    }
    return argument.get(JAVA_LONG, Abi.UFFDIO_API_FEATURES);
  }

  /**
   * Takes over a descriptor that somebody else made, and sets it to non-blocking.
   *
   * @throws IllegalArgumentException if it is something else than a userfaultfd; it is closed then
   */
  public static Userfaultfd adopt(Descriptor descriptor) throws IOException {
    try {
      String kind =
          Files.readSymbolicLink(Path.of("/proc/self/fd", Integer.toString(descriptor.fd())))
              .toString();
      if (!kind.equals(KIND)) {
        throw new IllegalArgumentException("the descriptor is no userfaultfd but " + kind);
      }
      Userfaultfd adopted = new Userfaultfd(descriptor);
      adopted.setNonBlocking();
      return adopted;
    } catch (IOException | RuntimeException refused) {
      descriptor.close();
      throw refused;
    }
  }

  /** For a {@link Poller}: readable when an event waits; -1 once closed. */
  public int fd() {
    return descriptor.fd();
  }

  /** The features that are on; of a descriptor that somebody else made they are not known: 0. */
  public long features() {
    return features;
  }

  /**
   * Sets it to non-blocking. Whoever else holds it can set it back; then it is always ready for a
   * {@link Poller}, with nothing to read.
   */
  public void setNonBlocking() throws IOException {
    int flags = Libc.fcntl(descriptor.fd(), Abi.F_GETFL, 0);
    int result =
        flags < 0 ? flags : Libc.fcntl(descriptor.fd(), Abi.F_SETFL, flags | Abi.O_NONBLOCK);
    if (result < 0) {
      throw new LinuxException("set a userfaultfd to non-blocking", -result);
    }
  }

  /**
   * Reads the events that wait, as many as there is room for; never waits for one.
   *
   * @return how many; 0 if there is none
   */
  public int read(UffdEvents into) throws IOException {
    into.size = 0;
    long bytes;
    try {
      do {
        // SAFETY: the room that the events have; the fence keeps it alive.
        bytes = readNow(into.memory.address(), into.memory.byteSize());
      } while (bytes == -Errno.EINTR);
    } finally {
      Reference.reachabilityFence(into);
    }
    if (bytes < 0 && bytes != -Errno.EAGAIN) {
      throw new LinuxException("read events of a userfaultfd", (int) -bytes);
    }
    into.size = (int) Math.max(0, bytes) / Abi.UFFD_MSG_BYTES;
    return into.size;
  }

  /**
   * Does not wait even if somebody has set the descriptor to blocking. Only since Linux 6.10 can a
   * read insist on that; before, we trust the peer, whose restore alone would stand still.
   */
  private long readNow(long address, long bytes) {
    // SAFETY: the caller's checked range.
    long read = Libc.preadv2(descriptor.fd(), address, bytes, -1, Abi.RWF_NOWAIT);
    if (read == -Errno.EOPNOTSUPP) {
      // SAFETY: the same.
      read = Libc.read(descriptor.fd(), address, bytes);
    }
    return read;
  }

  /**
   * Watches a range.
   *
   * @param modes {@link #MISSING}, {@link #WRITE_PROTECT}, {@link #MINOR}, or-ed
   * @return the ioctls that the range allows, as a set of bits; or a negated error number
   */
  public long register(long address, long bytes, int modes) {
    range(address, bytes);
    argument.set(JAVA_LONG, Abi.UFFDIO_REGISTER_MODE, modes);
    argument.set(JAVA_LONG, Abi.UFFDIO_REGISTER_IOCTLS, 0);
    int result = ioctl(Abi.UFFDIO_REGISTER);
    return result < 0 ? result : argument.get(JAVA_LONG, Abi.UFFDIO_REGISTER_IOCTLS);
  }

  /**
   * Whether the result of {@link #register} allows {@link #zero}: memory of huge pages does not.
   */
  public static boolean allowsZero(long ioctls) {
    return (ioctls & 1L << Abi.UFFDIO_ZEROPAGE_NUMBER) != 0;
  }

  /**
   * Watches a range no more: 0 or a negated error number. Who waits there is woken, by us too: the
   * kernel wakes before it stops to watch, and with its locks of single mappings (Linux 6.7) a
   * thread may begin to wait in between, for ever.
   */
  public int unregister(long address, long bytes) {
    range(address, bytes);
    int result = ioctl(Abi.UFFDIO_UNREGISTER);
    return result < 0 ? result : wake(address, bytes);
  }

  /** Has those look again who wait for a page of a range: 0 or a negated error number. */
  public int wake(long address, long bytes) {
    range(address, bytes);
    return ioctl(Abi.UFFDIO_WAKE);
  }

  /**
   * Fills missing pages with a copy, and wakes who waits for them.
   *
   * @param from native memory
   * @param wake false to leave them waiting
   * @return how many bytes were filled, from the front, at least one page; or a negated error
   *     number for the first page: EAGAIN (read the events first), EEXIST (it is there; who waits
   *     for it is not woken), ENOENT (not watched, or not mapped any more), ESRCH (the process has
   *     ended)
   */
  public long copy(long address, MemorySegment from, long offset, long bytes, boolean wake) {
    long source = Libc.addressOf(from, offset, bytes, false);
    argument.set(JAVA_LONG, 0, address);
    argument.set(JAVA_LONG, Abi.UFFDIO_COPY_SRC, source);
    argument.set(JAVA_LONG, Abi.UFFDIO_COPY_LEN, bytes);
    argument.set(JAVA_LONG, Abi.UFFDIO_COPY_MODE, wake ? 0 : Abi.UFFDIO_COPY_MODE_DONTWAKE);
    argument.set(JAVA_LONG, Abi.UFFDIO_COPY_COPY, 0);
    try {
      return done(ioctl(Abi.UFFDIO_COPY), Abi.UFFDIO_COPY_COPY, bytes);
    } finally {
      Reference.reachabilityFence(from);
    }
  }

  /** Fills missing pages with zeros; otherwise as {@link #copy}. */
  public long zero(long address, long bytes, boolean wake) {
    range(address, bytes);
    argument.set(JAVA_LONG, Abi.UFFDIO_ZEROPAGE_MODE, wake ? 0 : Abi.UFFDIO_ZEROPAGE_MODE_DONTWAKE);
    argument.set(JAVA_LONG, Abi.UFFDIO_ZEROPAGE_ZEROPAGE, 0);
    return done(ioctl(Abi.UFFDIO_ZEROPAGE), Abi.UFFDIO_ZEROPAGE_ZEROPAGE, bytes);
  }

  /** Maps pages that are in their file (minor faults); otherwise as {@link #copy}. */
  public long map(long address, long bytes, boolean wake) {
    range(address, bytes);
    argument.set(JAVA_LONG, Abi.UFFDIO_CONTINUE_MODE, wake ? 0 : Abi.UFFDIO_CONTINUE_MODE_DONTWAKE);
    argument.set(JAVA_LONG, Abi.UFFDIO_CONTINUE_MAPPED, 0);
    return done(ioctl(Abi.UFFDIO_CONTINUE), Abi.UFFDIO_CONTINUE_MAPPED, bytes);
  }

  /**
   * Has every later touch of missing pages end in SIGBUS, for good, also when nobody watches them
   * any more and in children that are forked: what cannot be filled is not to read as zeros.
   * Otherwise as {@link #copy}; EINVAL before Linux 6.6.
   */
  public long poison(long address, long bytes) {
    range(address, bytes);
    argument.set(JAVA_LONG, Abi.UFFDIO_POISON_MODE, 0);
    argument.set(JAVA_LONG, Abi.UFFDIO_POISON_UPDATED, 0);
    return done(ioctl(Abi.UFFDIO_POISON), Abi.UFFDIO_POISON_UPDATED, bytes);
  }

  /**
   * Protects a range against writing, or lets it be written again and wakes who waits to: 0 or a
   * negated error number.
   */
  public int writeProtect(long address, long bytes, boolean on) {
    range(address, bytes);
    argument.set(JAVA_LONG, Abi.UFFDIO_WRITEPROTECT_MODE, on ? Abi.UFFDIO_WRITEPROTECT_MODE_WP : 0);
    return ioctl(Abi.UFFDIO_WRITEPROTECT);
  }

  private void range(long address, long bytes) {
    argument.set(JAVA_LONG, 0, address);
    argument.set(JAVA_LONG, Abi.UFFDIO_RANGE_LEN, bytes);
  }

  /** A call that came a part of the way fails with EAGAIN, and tells in a field how far it came. */
  private long done(int result, long field, long bytes) {
    if (result == 0) {
      return bytes;
    }
    long done = argument.get(JAVA_LONG, field);
    return done > 0 ? done : result;
  }

  private int ioctl(long request) {
    try {
      // SAFETY: the largest of the structs fits into the argument, which the fence keeps alive.
      // What the struct refers to is memory of the watched process, which the kernel checks, and
      // in copy a range that was checked there.
      return Libc.ioctl(descriptor.fd(), request, argument.address());
    } finally {
      Reference.reachabilityFence(argument);
    }
  }

  @Override
  public void close() {
    descriptor.close();
  }
}
