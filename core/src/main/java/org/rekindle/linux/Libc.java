package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.ref.Reference;
import java.util.Objects;

/*
 * One shape for every call
 *
 * Every function of the C library that is called here takes at most six integers or pointers and
 * returns an integer. On Linux, both on x86-64 (System V ABI) and on arm64 (AAPCS64), such arguments
 * travel in registers of their own, narrow ones in the low half, and a callee never looks at the
 * registers of arguments that it does not have. So one downcall shape, six longs to a long, fits
 * them all, the function's address being the first argument. Linking a shape costs 20 to 90 ms of
 * start-up (the JDK spins classes for it), binding another function to it costs a symbol look-up.
 * An int result leaves the upper half of the register undefined: callInt cuts it off. The shape does
 * not fit functions with floating-point or struct arguments, or with more than six arguments.
 *
 * Results follow the kernel's own convention: a negative value is a negated error number. errno is
 * captured by the linker, right behind the call, into an area that belongs to the thread: in between,
 * the JVM is free to make calls of its own that overwrite errno.
 *
 * No call here is a critical one. A thread inside a critical call keeps the whole JVM from reaching
 * a safepoint, and even an "always short" system call blocks once the device or the peer is slow.
 *
 * A call allocates nothing in steady state: addresses are plain longs (a slice would be an object),
 * small structs are built in the thread's area. The price is that the compiler no longer keeps memory
 * alive by itself; addressOf and the callers' reachability fences do. Until the JIT's last tier has
 * compiled a call (some 15,000 calls), the linker makes one object of 40 bytes for each: its own
 * slice of the area that errno is captured into. That is less than a megabyte in all.
 */
final class Libc {
  private static final Linker LINKER = Linker.nativeLinker();

  // SAFETY: each function below takes at most six integer or pointer arguments; see the essay.
  private static final MethodHandle CALL =
      LINKER.downcallHandle(
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
          Linker.Option.captureCallState("errno"));

  private static final MemorySegment OPEN = function("open");
  private static final MemorySegment CLOSE = function("close");
  private static final MemorySegment LSEEK = function("lseek");
  private static final MemorySegment FSTATFS = function("fstatfs");
  private static final MemorySegment PREAD = function("pread");
  private static final MemorySegment PREADV2 = function("preadv2");
  private static final MemorySegment FDATASYNC = function("fdatasync");
  private static final MemorySegment POSIX_FADVISE = function("posix_fadvise");
  private static final MemorySegment MMAP = function("mmap");
  private static final MemorySegment MUNMAP = function("munmap");
  private static final MemorySegment MINCORE = function("mincore");
  private static final MemorySegment MADVISE = function("madvise");
  private static final MemorySegment SOCKET = function("socket");
  private static final MemorySegment CONNECT = function("connect");
  private static final MemorySegment SETSOCKOPT = function("setsockopt");
  private static final MemorySegment SEND = function("send");
  private static final MemorySegment RECV = function("recv");
  private static final MemorySegment BIND = function("bind");
  private static final MemorySegment LISTEN = function("listen");
  private static final MemorySegment ACCEPT4 = function("accept4");
  private static final MemorySegment FCHMOD = function("fchmod");
  private static final MemorySegment FTRUNCATE = function("ftruncate");
  private static final MemorySegment FCNTL = function("fcntl");
  private static final MemorySegment GETSOCKOPT = function("getsockopt");
  private static final MemorySegment SENDMSG = function("sendmsg");
  private static final MemorySegment RECVMSG = function("recvmsg");
  private static final MemorySegment IOCTL = function("ioctl");
  private static final MemorySegment MEMFD_CREATE = function("memfd_create");
  private static final MemorySegment SYSCALL = function("syscall");
  private static final MemorySegment EVENTFD = function("eventfd");
  private static final MemorySegment READ = function("read");
  private static final MemorySegment WRITE = function("write");
  private static final MemorySegment PPOLL = function("ppoll");
  private static final MemorySegment PROCESS_VM_READV = function("process_vm_readv");
  private static final MemorySegment CLOCK_GETTIME = function("clock_gettime");
  private static final MemorySegment GETRUSAGE = function("getrusage");

  private Libc() {}

  /** Does nothing but what the first call would do: links this class, and one call through. */
  static void link() {
    close(-1);
  }

  static int open(long path, int flags) {
    return callInt(OPEN, path, flags, 0, 0, 0, 0);
  }

  static int close(int fd) {
    return callInt(CLOSE, fd, 0, 0, 0, 0, 0);
  }

  static long lseek(int fd, long offset, int whence) {
    return call(LSEEK, fd, offset, whence, 0, 0, 0);
  }

  static int fstatfs(int fd, long statfs) {
    return callInt(FSTATFS, fd, statfs, 0, 0, 0, 0);
  }

  static long pread(int fd, long into, long bytes, long offset) {
    return call(PREAD, fd, into, bytes, offset, 0, 0);
  }

  /** preadv2 with one buffer. */
  static long preadv2(int fd, long into, long bytes, long offset, int flags) {
    long iovec = Area.current().iovec(into, bytes);
    return call(PREADV2, fd, iovec, 1, offset, flags, 0);
  }

  static int clockGettime(int clock, long timespec) {
    return callInt(CLOCK_GETTIME, clock, timespec, 0, 0, 0, 0);
  }

  static int getrusage(int who, long rusage) {
    return callInt(GETRUSAGE, who, rusage, 0, 0, 0, 0);
  }

  static int fdatasync(int fd) {
    return callInt(FDATASYNC, fd, 0, 0, 0, 0, 0);
  }

  /** Alone among its kin, posix_fadvise returns the error number instead of setting errno. */
  static int posixFadvise(int fd, long offset, long bytes, int advice) {
    return -callInt(POSIX_FADVISE, fd, offset, bytes, advice, 0, 0);
  }

  /** The address of the mapping: user space lies in the positive half on both architectures. */
  static long mmap(long bytes, int protection, int flags, int fd, long offset) {
    return call(MMAP, 0, bytes, protection, flags, fd, offset);
  }

  static int munmap(long address, long bytes) {
    return callInt(MUNMAP, address, bytes, 0, 0, 0, 0);
  }

  static int madvise(long address, long bytes, int advice) {
    return callInt(MADVISE, address, bytes, advice, 0, 0, 0);
  }

  static int mincore(long address, long bytes, long residency) {
    return callInt(MINCORE, address, bytes, residency, 0, 0, 0);
  }

  static int socket(int domain, int type, int protocol) {
    return callInt(SOCKET, domain, type, protocol, 0, 0, 0);
  }

  static int connect(int fd, long sockaddr, int bytes) {
    return callInt(CONNECT, fd, sockaddr, bytes, 0, 0, 0);
  }

  /** setsockopt with an int for a value. */
  static int setsockopt(int fd, int level, int option, int value) {
    return callInt(SETSOCKOPT, fd, level, option, Area.current().word(value), Integer.BYTES, 0);
  }

  static long send(int fd, long from, long bytes, int flags) {
    return call(SEND, fd, from, bytes, flags, 0, 0);
  }

  static long recv(int fd, long into, long bytes, int flags) {
    return call(RECV, fd, into, bytes, flags, 0, 0);
  }

  static int bind(int fd, long sockaddr, int bytes) {
    return callInt(BIND, fd, sockaddr, bytes, 0, 0, 0);
  }

  static int listen(int fd, int backlog) {
    return callInt(LISTEN, fd, backlog, 0, 0, 0, 0);
  }

  /** accept4 without the peer's address. */
  static int accept4(int fd, int flags) {
    return callInt(ACCEPT4, fd, 0, 0, flags, 0, 0);
  }

  static int fchmod(int fd, int mode) {
    return callInt(FCHMOD, fd, mode, 0, 0, 0, 0);
  }

  static int ftruncate(int fd, long bytes) {
    return callInt(FTRUNCATE, fd, bytes, 0, 0, 0, 0);
  }

  static int fcntl(int fd, int command, int value) {
    return callInt(FCNTL, fd, command, value, 0, 0, 0);
  }

  /** getsockopt for an option whose value has at most {@code bytes}. */
  static int getsockopt(int fd, int level, int option, long into, int bytes) {
    return callInt(GETSOCKOPT, fd, level, option, into, Area.current().word(bytes), 0);
  }

  static long sendmsg(int fd, long msghdr, int flags) {
    return call(SENDMSG, fd, msghdr, flags, 0, 0, 0);
  }

  static long recvmsg(int fd, long msghdr, int flags) {
    return call(RECVMSG, fd, msghdr, flags, 0, 0, 0);
  }

  /** ioctl whose argument is a pointer or a number. */
  static int ioctl(int fd, long request, long argument) {
    return callInt(IOCTL, fd, request, argument, 0, 0, 0);
  }

  static int memfdCreate(long name, int flags) {
    return callInt(MEMFD_CREATE, name, flags, 0, 0, 0, 0);
  }

  /** userfaultfd, for which the C library has no function. */
  static int userfaultfd(int flags) {
    return callInt(SYSCALL, Abi.SYS_USERFAULTFD, flags, 0, 0, 0, 0);
  }

  /** pidfd_open, for which the C library has a function since glibc 2.36 only. */
  static int pidfdOpen(int pid) {
    return callInt(SYSCALL, Abi.SYS_PIDFD_OPEN, pid, 0, 0, 0, 0);
  }

  /** pidfd_send_signal without any more about the signal. */
  static int pidfdSendSignal(int pidfd, int signal) {
    return callInt(SYSCALL, Abi.SYS_PIDFD_SEND_SIGNAL, pidfd, signal, 0, 0, 0);
  }

  /** process_madvise of one range: how many bytes of it, from the front, were advised. */
  static long processMadvise(int pidfd, long address, long bytes, int advice) {
    long range = Area.current().remoteIovec(address, bytes);
    return call(SYSCALL, Abi.SYS_PROCESS_MADVISE, pidfd, range, 1, advice, 0);
  }

  static long read(int fd, long into, long bytes) {
    return call(READ, fd, into, bytes, 0, 0, 0);
  }

  static int eventfd(int initial, int flags) {
    return callInt(EVENTFD, initial, flags, 0, 0, 0, 0);
  }

  /** Adds one to an eventfd. */
  static long eventfdAdd(int fd) {
    return call(WRITE, fd, Area.current().word(1), Long.BYTES, 0, 0, 0);
  }

  /** Sets an eventfd back to zero. */
  static long eventfdDrain(int fd) {
    return call(READ, fd, Area.current().word(0), Long.BYTES, 0, 0, 0);
  }

  /** ppoll with the signal mask left alone; a negative time waits without end. */
  static int ppoll(long pollfds, int count, long timeoutNs) {
    long timespec = timeoutNs < 0 ? 0 : Area.current().timespec(timeoutNs);
    return callInt(PPOLL, pollfds, count, timespec, 0, 0, 0);
  }

  /** process_vm_readv from one range into one buffer. */
  static long processVmReadv(int pid, long into, long address, long bytes) {
    Area area = Area.current();
    long local = area.iovec(into, bytes);
    long remote = area.remoteIovec(address, bytes);
    return call(PROCESS_VM_READV, pid, local, 1, remote, 1, 0);
  }

  /**
   * The address of a range of native memory, after the checks that a segment's own accessors would
   * have made: native, writable where the kernel writes, alive, ours, long enough. The caller keeps
   * the segment reachable until the call is over.
   */
  static long addressOf(MemorySegment memory, long offset, long bytes, boolean kernelWrites) {
    if (!memory.isNative()
        || (kernelWrites && memory.isReadOnly())
        || !memory.scope().isAlive()
        || !memory.isAccessibleBy(Thread.currentThread())) {
      throw new IllegalArgumentException("not native memory that this thread may use: " + memory);
    }
    Objects.checkFromIndexSize(offset, bytes, memory.byteSize());
    return memory.address() + offset;
  }

  private static MemorySegment function(String name) {
    // SAFETY: the address is only called, as a function of the C library with that name.
    return LINKER
        .defaultLookup()
        .find(name)
        .orElseThrow(() ->
            new UnsupportedOperationException(
                "the C library lacks " + name + "; Rekindle needs glibc 2.27 or later"));
  }

  private static long call(MemorySegment function, long a, long b, long c, long d, long e, long f) {
    Area area = Area.current();
    long result = invoke(function, area, a, b, c, d, e, f);
    return result == -1 ? -area.errno() : result;
  }

  private static int callInt(
      MemorySegment function, long a, long b, long c, long d, long e, long f) {
    Area area = Area.current();
    int result = (int) invoke(function, area, a, b, c, d, e, f);
    return result == -1 ? -area.errno() : result;
  }

  private static long invoke(
      MemorySegment function, Area area, long a, long b, long c, long d, long e, long f) {
    try {
      // SAFETY: the callers pass addresses of memory that stays reachable until they return, and
      // the kernel answers EFAULT to addresses that are not mapped.
      return (long) CALL.invokeExact(function, area.memory, a, b, c, d, e, f);
    } catch (RuntimeException | Error thrown) {
      throw thrown;
    } catch (Throwable impossible) {
      throw new AssertionError(impossible);
    } finally {
      Reference.reachabilityFence(area);
    }
  }

  /** What calls of one thread need besides registers: errno and a few small structs. */
  private static final class Area {
    private static final ThreadLocal<Area> CURRENT = ThreadLocal.withInitial(Area::new);

    private static final long IOVEC = 16;
    private static final long REMOTE_IOVEC = IOVEC + Abi.IOVEC_BYTES;
    private static final long TIMESPEC = REMOTE_IOVEC + Abi.IOVEC_BYTES;
    private static final long WORD = TIMESPEC + Abi.TIMESPEC_BYTES;
    private static final long BYTES = WORD + Long.BYTES;

    /** Begins with the linker's capture state, on Linux the int errno alone. */
    private final MemorySegment memory = Arena.ofAuto().allocate(BYTES, ADDRESS.byteAlignment());

    static Area current() {
      return CURRENT.get();
    }

    int errno() {
      return memory.get(JAVA_INT, 0);
    }

    long iovec(long address, long bytes) {
      return iovec(IOVEC, address, bytes);
    }

    long remoteIovec(long address, long bytes) {
      return iovec(REMOTE_IOVEC, address, bytes);
    }

    private long iovec(long at, long address, long bytes) {
      memory.set(JAVA_LONG, at + Abi.IOVEC_BASE, address);
      memory.set(JAVA_LONG, at + Abi.IOVEC_LEN, bytes);
      return memory.address() + at;
    }

    long timespec(long ns) {
      memory.set(JAVA_LONG, TIMESPEC + Abi.TIMESPEC_SEC, ns / 1_000_000_000);
      memory.set(JAVA_LONG, TIMESPEC + Abi.TIMESPEC_NSEC, ns % 1_000_000_000);
      return memory.address() + TIMESPEC;
    }

    long word(long value) {
      memory.set(JAVA_LONG, WORD, value);
      return memory.address() + WORD;
    }
  }
}
