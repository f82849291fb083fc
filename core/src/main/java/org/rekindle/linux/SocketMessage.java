package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The structs around one message with descriptors.
 *
 * <pre>
 *    0  struct msghdr     one iovec, the control buffer
 *   56  struct iovec      the caller's bytes
 *   72  struct cmsghdr    SOL_SOCKET, SCM_RIGHTS
 *   88  int[n]            the descriptors, padded to 8 bytes
 *       struct cmsghdr    SOL_SOCKET, SCM_CREDENTIALS; only received, in any order with the other
 *       struct ucred      the sender, padded to 8 bytes
 * </pre>
 */
final class SocketMessage implements AutoCloseable {
  /** The most descriptors that the kernel sends at once (SCM_MAX_FD). */
  static final int MOST = 253;

  private static final int IOVEC = Abi.MSGHDR_BYTES;
  private static final int CONTROL = IOVEC + Abi.IOVEC_BYTES;

  /** CMSG_SPACE of a struct ucred. */
  private static final int CREDENTIALS = Abi.CMSGHDR_BYTES + ((Abi.UCRED_BYTES + 7) & -8);

  private final Arena arena = Arena.ofConfined();
  private final MemorySegment memory;

  /** To be sent with so many descriptors. The bytes lie in memory that the caller keeps alive. */
  static SocketMessage toSend(long address, long bytes, int descriptors) {
    return new SocketMessage(address, bytes, space(descriptors));
  }

  /** To be received. The bytes lie in memory that the caller keeps alive. */
  static SocketMessage toReceive(long address, long bytes) {
    return new SocketMessage(address, bytes, space(MOST) + CREDENTIALS);
  }

  private SocketMessage(long address, long bytes, long controlBytes) {
    memory = arena.allocate(CONTROL + Math.max(controlBytes, Abi.CMSGHDR_BYTES), 8);
    memory.set(JAVA_LONG, IOVEC + Abi.IOVEC_BASE, address);
    memory.set(JAVA_LONG, IOVEC + Abi.IOVEC_LEN, bytes);
    memory.set(JAVA_LONG, Abi.MSGHDR_IOV, memory.address() + IOVEC);
    memory.set(JAVA_LONG, Abi.MSGHDR_IOVLEN, 1);
    memory.set(JAVA_LONG, Abi.MSGHDR_CONTROL, memory.address() + CONTROL);
    memory.set(JAVA_LONG, Abi.MSGHDR_CONTROLLEN, controlBytes);
  }

  /** CMSG_SPACE of so many descriptors. */
  private static long space(int descriptors) {
    long bytes = (long) descriptors * Integer.BYTES;
    return descriptors == 0 ? 0 : Abi.CMSGHDR_BYTES + (bytes + 7 & -8);
  }

  /** How many bytes, or a negated error number. */
  int receive(int fd) {
    long received;
    do {
      // SAFETY: a msghdr whose buffers are this one's and the caller's, all alive.
      received = Libc.recvmsg(fd, memory.address(), Abi.MSG_DONTWAIT | Abi.MSG_CMSG_CLOEXEC);
    } while (received == -Errno.EINTR);
    return (int) received;
  }

  /** How many bytes, or a negated error number. */
  int send(int fd, int... descriptors) {
    if (descriptors.length > 0) {
      memory.set(
          JAVA_LONG,
          CONTROL + Abi.CMSGHDR_LEN,
          Abi.CMSGHDR_BYTES + (long) descriptors.length * Integer.BYTES);
      memory.set(JAVA_INT, CONTROL + Abi.CMSGHDR_LEVEL, Abi.SOL_SOCKET);
      memory.set(JAVA_INT, CONTROL + Abi.CMSGHDR_TYPE, Abi.SCM_RIGHTS);
      MemorySegment.copy(
          descriptors, 0, memory, JAVA_INT, CONTROL + Abi.CMSGHDR_BYTES, descriptors.length);
    }
    long sent;
    do {
      // SAFETY: a msghdr whose buffers are this one's and the caller's, all alive.
      sent = Libc.sendmsg(fd, memory.address(), Abi.MSG_DONTWAIT | Abi.MSG_NOSIGNAL);
    } while (sent == -Errno.EINTR);
    return (int) sent;
  }

  /** Whether the kernel could not deliver all descriptors. */
  boolean truncated() {
    return (memory.get(JAVA_INT, Abi.MSGHDR_FLAGS) & Abi.MSG_CTRUNC) != 0;
  }

  /** What came, each with its new owner. */
  List<Descriptor> descriptors() {
    List<Descriptor> descriptors = new ArrayList<>();
    for (long at = part(CONTROL, Abi.SCM_RIGHTS); at >= 0; at = part(after(at), Abi.SCM_RIGHTS)) {
      long end = at + memory.get(JAVA_LONG, at + Abi.CMSGHDR_LEN);
      for (long fd = at + Abi.CMSGHDR_BYTES; fd + Integer.BYTES <= end; fd += Integer.BYTES) {
        descriptors.add(new Descriptor(memory.get(JAVA_INT, fd)));
      }
    }
    return descriptors;
  }

  /** The process that sent it; 0 if that was not asked for, or it runs where we see none. */
  int sender() {
    long at = part(CONTROL, Abi.SCM_CREDENTIALS);
    return at < 0 ? 0 : memory.get(JAVA_INT, at + Abi.CMSGHDR_BYTES + Abi.UCRED_PID);
  }

  /**
   * Where the next control message of a type begins, at {@code from} or behind; -1 if none does.
   */
  private long part(long from, int type) {
    long end = CONTROL + memory.get(JAVA_LONG, Abi.MSGHDR_CONTROLLEN);
    for (long at = from; at + Abi.CMSGHDR_BYTES <= end; at = after(at)) {
      if (memory.get(JAVA_INT, at + Abi.CMSGHDR_LEVEL) == Abi.SOL_SOCKET
          && memory.get(JAVA_INT, at + Abi.CMSGHDR_TYPE) == type) {
        return at;
      }
    }
    return -1;
  }

  private long after(long at) {
    long bytes = memory.get(JAVA_LONG, at + Abi.CMSGHDR_LEN);
    return at + Math.max(Abi.CMSGHDR_BYTES, (bytes + 7) & -8);
  }

  @Override
  public void close() {
    arena.close();
  }
}
