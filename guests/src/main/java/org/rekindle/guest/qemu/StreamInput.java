package org.rekindle.guest.qemu;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;

/**
 * Reads the fields of a stream through one direct buffer. Every read says what it reads, for the
 * exception if the stream ends there.
 *
 * <p>Offsets are those of the file, as they are in mapped-ram headers, even if the stream does not
 * start at its first byte; where it is no file, they count from the start of the stream.
 */
final class StreamInput {
  /** One read(2) of 1 MiB keeps system calls at a few per thousand pages. */
  static final int BUFFER_BYTES = 1 << 20;

  private final String source;
  private final ReadableByteChannel channel;
  private final ByteBuffer buffer;
  private final MemorySegment memory;
  private final long startOffset;
  private long bufferOffset; // of the buffer's first byte

  /**
   * @param source names the stream in exceptions
   * @param channel blocking; the stream starts at its current position
   * @param bufferBytes at least 4096: {@link #BUFFER_BYTES} but in tests
   */
  StreamInput(String source, ReadableByteChannel channel, int bufferBytes) throws IOException {
    this.source = source;
    this.channel = channel;
    this.buffer = ByteBuffer.allocateDirect(bufferBytes);
    this.memory = MemorySegment.ofBuffer(buffer).asReadOnly();
    buffer.limit(0);
    this.startOffset = channel instanceof SeekableByteChannel file ? file.position() : 0;
    this.bufferOffset = startOffset;
  }

  /** Offset of the next byte. */
  long offset() {
    return bufferOffset + buffer.position();
  }

  /** How many bytes lie between the start of the stream and the next byte. */
  long bytesRead() {
    return offset() - startOffset;
  }

  int u8(String what) throws IOException {
    need(1, what);
    return buffer.get() & 0xff;
  }

  /** The next byte, which stays unread. */
  int peekU8(String what) throws IOException {
    need(1, what);
    return buffer.get(buffer.position()) & 0xff;
  }

  int u16(String what) throws IOException {
    need(2, what);
    return buffer.getShort() & 0xffff;
  }

  int i32(String what) throws IOException {
    need(4, what);
    return buffer.getInt();
  }

  long u64(String what) throws IOException {
    need(8, what);
    return buffer.getLong();
  }

  /** The next eight bytes, which stay unread. */
  long peekU64(String what) throws IOException {
    need(8, what);
    return buffer.getLong(buffer.position());
  }

  byte[] bytes(int length, String what) throws IOException {
    need(length, what);
    byte[] bytes = new byte[length];
    buffer.get(bytes);
    return bytes;
  }

  /** A name with its length in front: 1 to 255 printable ASCII characters. */
  String name(String what) throws IOException {
    return text(u8(what), what);
  }

  String text(int length, String what) throws IOException {
    if (length < 1 || length > 255) {
      throw unexpected(
          what + " of 1 to 255 characters", "length " + Integer.toUnsignedLong(length));
    }
    byte[] ascii = bytes(length, what);
    for (byte b : ascii) {
      if (b < ' ' || b > '~') {
        throw unexpected(what + " in printable ASCII", "the byte 0x%02x".formatted(b & 0xff));
      }
    }
    return new String(ascii, StandardCharsets.US_ASCII);
  }

  /** Has the next {@code length} bytes lie in {@link #memory} at {@link #index}. */
  void need(int length, String what) throws IOException {
    if (buffer.remaining() < length) {
      fill(length, what);
    }
  }

  /** The buffer, for handing on what {@link #need} brought in. */
  MemorySegment memory() {
    return memory;
  }

  /** Where the next byte lies in {@link #memory}. */
  int index() {
    return buffer.position();
  }

  /** Passes over bytes that {@link #need} brought in. */
  void advance(int length) {
    buffer.position(buffer.position() + length);
  }

  /** How many bytes can be had without waiting. */
  int available() {
    return buffer.remaining();
  }

  /** Takes bytes that are available. */
  void copyTo(byte[] target, int index, int length) {
    buffer.get(target, index, length);
  }

  /** Whether the stream has no more bytes; if not, some are available. */
  boolean atEnd() throws IOException {
    return !buffer.hasRemaining() && !more();
  }

  /**
   * Goes to another offset.
   *
   * @throws MigrationStreamException if the stream is not a file or has no such offset
   */
  void seek(long offset) throws IOException {
    if (offset >= bufferOffset && offset <= bufferOffset + buffer.limit()) {
      buffer.position((int) (offset - bufferOffset));
      return;
    }
    if (!(channel instanceof SeekableByteChannel file)) {
      throw failure("this stream (mapped-ram) can only be read from a file");
    }
    if (offset < startOffset || offset > file.size()) {
      throw unexpected(
          "an offset inside the file of " + file.size() + " bytes", "offset " + offset);
    }
    file.position(offset);
    bufferOffset = offset;
    buffer.position(0).limit(0);
  }

  MigrationStreamException unexpected(String expected, String found) {
    return failure("expected " + expected + ", found " + found);
  }

  MigrationStreamException failure(String problem) {
    return new MigrationStreamException(source, offset(), problem);
  }

  private void fill(int length, String what) throws IOException {
    while (buffer.remaining() < length) {
      if (!more()) {
        throw new MigrationStreamException(
            source,
            bufferOffset + buffer.limit(),
            "the stream ends inside " + what,
            new EOFException());
      }
    }
  }

  private boolean more() throws IOException {
    bufferOffset += buffer.position();
    buffer.compact();
    try {
      return channel.read(buffer) > 0;
    } finally {
      buffer.flip();
    }
  }
}
