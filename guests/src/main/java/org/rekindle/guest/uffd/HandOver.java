package org.rekindle.guest.uffd;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.uffd.PageRanges.Range;
import org.rekindle.image.MemoryMap;
import org.rekindle.json.Json;
import org.rekindle.linux.Descriptor;
import org.rekindle.linux.Errno;
import org.rekindle.linux.Poller;
import org.rekindle.linux.UnixSocket;
import org.rekindle.linux.Userfaultfd;

/**
 * The one message with which a VMM hands its guest memory over: a {@link RegionList}, and its
 * userfaultfd as SCM_RIGHTS. There is no length before it, no end behind it, and no answer.
 */
public final class HandOver {
  /** Several hundred regions; Firecracker has one or two. */
  private static final int MOST_BYTES = 64 << 10;

  /** How often a waiting receiver looks whether it has been interrupted. */
  private static final long LOOK_NS = 100_000_000;

  private final UnixSocket socket;
  private final byte[] text = new byte[MOST_BYTES];
  private int bytes;
  private @Nullable Descriptor descriptor;
  private boolean guestWaits;
  private String complaint = ""; // of what has come last

  private HandOver(UnixSocket socket) {
    this.socket = socket;
  }

  /** Sends it, as a VMM does, which then keeps the socket open for as long as it lives. */
  public static void send(UnixSocket socket, List<HandedRegion> regions, Userfaultfd uffd)
      throws IOException {
    byte[] text = RegionList.write(regions).getBytes(UTF_8);
    try (Arena arena = Arena.ofConfined()) {
      int sent = socket.send(arena.allocateFrom(JAVA_BYTE, text), 0, text.length, uffd.fd());
      if (sent != text.length) {
        throw new IOException("nobody takes the hand-over");
      }
    }
  }

  /**
   * Receives it from a peer that has connected.
   *
   * @param memory the image's
   * @param patience how long the peer may take
   * @throws HandOverException if the peer sends something else, or nothing, or this thread was
   *     interrupted
   */
  static AddressSpace receive(UnixSocket socket, MemoryMap memory, Duration patience)
      throws HandOverException {
    HandOver handOver = new HandOver(socket);
    try {
      List<HandedRegion> regions = handOver.await(System.nanoTime() + patience.toNanos());
      PageRanges ranges = RegionList.ranges(regions, memory);
      return handOver.watch(ranges);
    } catch (HandOverException refused) {
      throw refused;
    } catch (IOException | IllegalArgumentException failed) {
      throw new HandOverException(String.valueOf(failed.getMessage()), handOver.guestWaits, failed);
    } finally {
      if (handOver.descriptor != null) {
        handOver.descriptor.close();
      }
    }
  }

  /**
   * Receives the descriptor alone, from a process whose memory is known: what looks on rather than
   * restores. It does not block.
   */
  public static Userfaultfd receiveDescriptor(UnixSocket socket, Duration patience)
      throws IOException {
    HandOver handOver = new HandOver(socket);
    handOver.await(System.nanoTime() + patience.toNanos());
    Userfaultfd received = Userfaultfd.adopt(Objects.requireNonNull(handOver.descriptor));
    received.setNonBlocking();
    return received;
  }

  private HandOverException refused(String what) {
    return new HandOverException(what, guestWaits, null);
  }

  /** Waits until both regions and descriptor are there; they may come in several pieces. */
  private List<HandedRegion> await(long deadlineNs) throws IOException {
    @Nullable List<HandedRegion> regions = null;
    try (Arena arena = Arena.ofConfined();
        Poller poller = new Poller(1)) {
      poller.interest(poller.add(socket.fd()), true, false);
      MemorySegment buffer = arena.allocate(MOST_BYTES);
      while (regions == null || descriptor == null) {
        if (!take(buffer)) {
          if (System.nanoTime() - deadlineNs >= 0) {
            throw refused(
                regions == null
                    ? "no complete list of regions came in time, but %d bytes%s"
                        .formatted(bytes, complaint)
                    : "the regions came without a userfaultfd");
          }
          if (Thread.currentThread().isInterrupted()) {
            throw refused("interrupted");
          }
          poller.poll(LOOK_NS);
        } else if (regions == null) {
          regions = complete();
        }
      }
      return regions;
    }
  }

  /** Takes what has come; false if nothing has. */
  private boolean take(MemorySegment buffer) throws IOException {
    UnixSocket.Message message = socket.receiveMessage(buffer, 0, MOST_BYTES, 1);
    guestWaits |= message.refused() || !message.descriptors().isEmpty();
    for (Descriptor received : message.descriptors()) {
      if (descriptor != null) {
        received.close();
        throw refused("more than one descriptor came with the regions");
      }
      descriptor = received;
    }
    if (message.refused()) {
      throw refused("more than one descriptor came with the regions");
    }
    if (message.bytes() == UnixSocket.CLOSED) {
      throw refused(
          "the connection was closed after %d bytes, before all was handed over".formatted(bytes));
    }
    if (message.bytes() == UnixSocket.WOULD_BLOCK) {
      return false;
    }
    if (message.bytes() > text.length - bytes) {
      throw refused("more than %d bytes came as a list of regions".formatted(text.length));
    }
    MemorySegment.copy(buffer, JAVA_BYTE, 0, text, bytes, message.bytes());
    bytes += message.bytes();
    return true;
  }

  /** The regions, or null if their list has not come to its end yet. */
  private @Nullable List<HandedRegion> complete() throws HandOverException {
    String all = new String(text, 0, bytes, UTF_8).strip();
    if (!all.isEmpty() && all.charAt(0) != '[') {
      throw refused("a JSON array of regions was expected, but came: " + all);
    }
    // Behind its end may be a byte that the descriptor travels with.
    String list = all.substring(0, all.lastIndexOf(']') + 1);
    if (list.isEmpty()) {
      return null;
    }
    Object json;
    try {
      json = Json.parse(list);
    } catch (IllegalArgumentException incomplete) {
      complaint = ": " + incomplete.getMessage();
      return null; // that was the end of a list inside it, or it will never be one
    }
    return RegionList.of(json);
  }

  /**
   * Takes the userfaultfd over. The regions are registered with it once more: that changes nothing
   * where the VMM has done it, and is refused where no memory with pages of that size is.
   */
  private AddressSpace watch(PageRanges ranges) throws IOException {
    Descriptor received = Objects.requireNonNull(descriptor);
    descriptor = null;
    Userfaultfd uffd = Userfaultfd.adopt(received);
    try {
      for (Range range : ranges.all()) {
        register(uffd, range);
      }
      return new AddressSpace(uffd, ranges);
    } catch (IOException | RuntimeException failed) {
      uffd.close();
      throw failed;
    }
  }

  private void register(Userfaultfd uffd, Range range) throws HandOverException {
    String where = "0x%x-0x%x".formatted(range.start(), range.end());
    long ioctls = uffd.register(range.start(), range.end() - range.start(), Userfaultfd.MISSING);
    if (ioctls < 0) {
      throw refused(
          ioctls == -Errno.ENOMEM // the kernel's word for a process that has no memory any more
              ? "the VMM ended while it handed its memory over"
              : "the userfaultfd cannot watch %s: %s"
                  .formatted(where, Errno.describe((int) -ioctls)));
    }
    boolean small = range.unitPages() == 1;
    if (Userfaultfd.allowsZero(ioctls) != small) {
      throw refused(
          "%s is said to have pages of %s, and has not"
              .formatted(where, small ? "4 KiB" : "2 MiB"));
    }
  }
}
