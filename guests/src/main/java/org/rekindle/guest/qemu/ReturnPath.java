package org.rekindle.guest.qemu;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.rekindle.image.MemoryMap;
import org.rekindle.linux.UnixSocket;

/**
 * Reads what the destination of a postcopy migration says, message by message, however the socket
 * cuts them; allocates nothing. The peer is not trusted: every length, name and range is checked.
 *
 * <pre>
 * message       u16 type, u16 length, payload (big-endian)
 * 1 SHUT        u32 status, 0 for good
 * 2 PONG        u32 value of the PING
 * 3 REQ_PAGES_ID  u64 start, u32 bytes, u8 length, region name
 * 4 REQ_PAGES     u64 start, u32 bytes; in the region of the last REQ_PAGES_ID
 * </pre>
 */
final class ReturnPath {
  /** What {@link #next} has found. */
  enum Message {
    NONE,
    SHUT,
    PONG,
    REQUEST
  }

  private static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfInt U32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfLong U64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private static final int SHUT = 1;
  private static final int PONG = 2;
  private static final int REQ_PAGES_ID = 3;
  private static final int REQ_PAGES = 4;

  private static final int HEADER_BYTES = 4;
  private static final int RANGE_BYTES = Long.BYTES + Integer.BYTES;

  /** The longest message that we accept: a request with a name of 255 bytes. */
  private static final int MAX_MESSAGE_BYTES = HEADER_BYTES + RANGE_BYTES + 1 + 255;

  /** Room for some 200 requests; there are rarely more outstanding than virtual CPUs. */
  static final int BUFFER_BYTES = 4096;

  private final MemoryMap memory;
  private final MemorySegment[] names;
  private final MemorySegment buffer;
  private int read;
  private int write;
  private int lastRegion = -1;
  private int firstPage;
  private int pages;
  private int value;

  ReturnPath(MemoryMap memory, Arena arena) {
    this.memory = memory;
    this.buffer = arena.allocate(BUFFER_BYTES, Long.BYTES);
    byte[][] encoded = PageWriter.encode(memory.regions());
    this.names = new MemorySegment[encoded.length];
    for (int i = 0; i < encoded.length; i++) {
      names[i] = MemorySegment.ofArray(encoded[i]);
    }
  }

  /**
   * Receives what fits; take all messages by {@link #next} before the next call.
   *
   * @return bytes received, or {@link UnixSocket#WOULD_BLOCK} or {@link UnixSocket#CLOSED}
   */
  int receive(UnixSocket socket) throws IOException {
    MemorySegment.copy(buffer, read, buffer, 0, write - read);
    write -= read;
    read = 0;
    int received = socket.receive(buffer, write, BUFFER_BYTES - write);
    if (received > 0) {
      write += received;
    }
    return received;
  }

  /** Whether the last {@link #receive} has filled the buffer: there may be more. */
  boolean isFull() {
    return write == BUFFER_BYTES;
  }

  /** Takes the next whole message, or says that there is {@link Message#NONE}. */
  Message next() throws MigrationProtocolException {
    if (write - read < HEADER_BYTES) {
      return Message.NONE;
    }
    int type = Short.toUnsignedInt(buffer.get(U16, read));
    int length = Short.toUnsignedInt(buffer.get(U16, read + Short.BYTES));
    if (length > MAX_MESSAGE_BYTES - HEADER_BYTES) {
      throw new MigrationProtocolException("message of type " + type + " has " + length + " bytes");
    }
    if (write - read < HEADER_BYTES + length) {
      return Message.NONE;
    }
    int payload = read + HEADER_BYTES;
    read = payload + length;
    return switch (type) {
      case SHUT -> word(Message.SHUT, payload, length);
      case PONG -> word(Message.PONG, payload, length);
      case REQ_PAGES_ID -> {
        lastRegion = region(payload, length);
        yield range(payload);
      }
      case REQ_PAGES -> {
        if (length != RANGE_BYTES || lastRegion < 0) {
          throw new MigrationProtocolException(
              lastRegion < 0
                  ? "a page is requested before any region was named"
                  : "page request has " + length + " bytes, expected " + RANGE_BYTES);
        }
        yield range(payload);
      }
      default ->
          throw new MigrationProtocolException("message of type " + type + " was not expected");
    };
  }

  private Message word(Message message, int payload, int length) throws MigrationProtocolException {
    if (length != Integer.BYTES) {
      throw new MigrationProtocolException(
          message + " message has " + length + " bytes, expected " + Integer.BYTES);
    }
    value = buffer.get(U32, payload);
    return message;
  }

  private int region(int payload, int length) throws MigrationProtocolException {
    int nameAt = payload + RANGE_BYTES + 1;
    int nameEnd = payload + length;
    if (nameAt > nameEnd
        || Byte.toUnsignedInt(buffer.get(ValueLayout.JAVA_BYTE, nameAt - 1)) != nameEnd - nameAt) {
      throw new MigrationProtocolException(
          "page request of " + length + " bytes does not fit the name in it");
    }
    for (int i = 0; i < names.length; i++) {
      long bytes = names[i].byteSize();
      if (bytes == nameEnd - nameAt
          && MemorySegment.mismatch(names[i], 0, bytes, buffer, nameAt, nameEnd) == -1) {
        return i;
      }
    }
    throw new MigrationProtocolException("a page of an unknown region is requested");
  }

  private Message range(int payload) throws MigrationProtocolException {
    long start = buffer.get(U64, payload);
    long bytes = Integer.toUnsignedLong(buffer.get(U32, payload + Long.BYTES));
    long regionBytes = memory.region(lastRegion).bytes();
    if (bytes == 0 || (start | bytes) % MemoryMap.PAGE_BYTES != 0) {
      throw new MigrationProtocolException(
          "request for " + bytes + " bytes at " + start + " is not in whole pages");
    }
    if (start < 0 || bytes > regionBytes || start > regionBytes - bytes) {
      throw new MigrationProtocolException(
          "request for %d bytes at %d is outside of region %s (%d bytes)"
              .formatted(bytes, start, memory.region(lastRegion).name(), regionBytes));
    }
    firstPage = memory.page(lastRegion, (int) (start / MemoryMap.PAGE_BYTES));
    pages = (int) (bytes / MemoryMap.PAGE_BYTES);
    return Message.REQUEST;
  }

  /** The first page of the last REQUEST. */
  int firstPage() {
    return firstPage;
  }

  /** How many pages the last REQUEST is for: one host page. */
  int pages() {
    return pages;
  }

  /** The value of the last PONG, or the status of SHUT. */
  int value() {
    return value;
  }
}
