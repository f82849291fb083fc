package org.rekindle.guest.qemu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.rekindle.linux.FreshMemory;
import org.rekindle.linux.LinuxException;

/**
 * Frames that wait to be sent, first in first out, in one piece of native memory.
 *
 * <p>A frame is what must reach QEMU in one piece, such as a whole section: between two frames
 * another queue may go first. Allocates only in the constructor and in {@link #reserve}.
 */
final class FrameQueue {
  private static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfInt U32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfLong U64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  /** Before each frame stands its length; it is not sent. */
  private static final int LENGTH_BYTES = Integer.BYTES;

  private static final long NONE = -1;

  private final Arena arena;
  private MemorySegment buffer;
  private long read; // the next byte to send, or the length word before it
  private long write;
  private long frame = NONE; // the length word of the frame that is being written
  private long sendEnd; // where the frame that is being sent ends; equals read between frames

  FrameQueue(Arena arena, long capacityBytes) throws LinuxException {
    this.arena = arena;
    this.buffer = FreshMemory.allocate(capacityBytes, arena);
  }

  /** Makes room for a frame of so many bytes, by allocation where needed. */
  void reserve(long bytes) throws LinuxException {
    if (hasRoom(bytes)) {
      return;
    }
    MemorySegment larger =
        FreshMemory.allocate(Math.max(2 * buffer.byteSize(), write + bytes + LENGTH_BYTES), arena);
    MemorySegment.copy(buffer, 0, larger, 0, write);
    buffer = larger;
  }

  /** Whether so many more bytes fit, with the length word of one frame. */
  boolean hasRoom(long bytes) {
    if (buffer.byteSize() - write >= bytes + LENGTH_BYTES) {
      return true;
    }
    compact();
    return buffer.byteSize() - write >= bytes + LENGTH_BYTES;
  }

  private void compact() {
    if (read > 0) {
      MemorySegment.copy(buffer, read, buffer, 0, write - read);
      write -= read;
      sendEnd -= read;
      frame = frame == NONE ? NONE : frame - read;
      read = 0;
    }
  }

  /** Opens a frame; what is put from now on belongs to it. */
  void begin() {
    frame = write;
    write += LENGTH_BYTES;
  }

  /** Closes the frame: it may be sent. */
  void end() {
    buffer.set(U32, frame, Math.toIntExact(write - frame - LENGTH_BYTES));
    frame = NONE;
  }

  boolean isOpen() {
    return frame != NONE;
  }

  void u8(int value) {
    buffer.set(ValueLayout.JAVA_BYTE, write, (byte) value);
    write += 1;
  }

  void u16(int value) {
    buffer.set(U16, write, (short) value);
    write += Short.BYTES;
  }

  void u32(int value) {
    buffer.set(U32, write, value);
    write += Integer.BYTES;
  }

  void u64(long value) {
    buffer.set(U64, write, value);
    write += Long.BYTES;
  }

  /** Bytes as they are. */
  void bytes(byte[] value) {
    MemorySegment.copy(value, 0, buffer, ValueLayout.JAVA_BYTE, write, value.length);
    write += value.length;
  }

  /** A counted string: one byte of length, then so many bytes. */
  void name(byte[] value) {
    u8(value.length);
    bytes(value);
  }

  void bytes(MemorySegment from, long offset, long count) {
    MemorySegment.copy(from, offset, buffer, write, count);
    write += count;
  }

  /** Bytes that wait, in frames that are closed or open. */
  long pendingBytes() {
    return write - read;
  }

  /** Turns to the first frame that waits; false if there is none that is closed. */
  boolean nextFrame() {
    if (read == (frame == NONE ? write : frame)) {
      if (frame == NONE) {
        read = 0;
        write = 0;
        sendEnd = 0;
      }
      return false;
    }
    int length = buffer.get(U32, read);
    read += LENGTH_BYTES;
    sendEnd = read + length;
    return true;
  }

  /** Bytes of the current frame that are not sent yet. */
  long unsentBytes() {
    return sendEnd - read;
  }

  MemorySegment buffer() {
    return buffer;
  }

  /** Where the unsent bytes of the current frame lie in {@link #buffer}. */
  long unsentOffset() {
    return read;
  }

  void sent(long bytes) {
    read += bytes;
  }
}
