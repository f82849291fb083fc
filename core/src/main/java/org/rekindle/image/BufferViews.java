package org.rekindle.image;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Byte buffers over native segments, remembered, since the codecs and {@code CRC32C} take byte
 * buffers and a new view for every block would be the only allocation of the decode path.
 *
 * <p>A caller has few buffers (a stored and a raw one, or a ring of them), so a handful of views is
 * searched from end to end; a caller with more only allocates again.
 */
final class BufferViews {
  private static final int REMEMBERED = 16;

  private final @Nullable MemorySegment[] segments = new @Nullable MemorySegment[REMEMBERED];
  private final @Nullable ByteBuffer[] buffers = new @Nullable ByteBuffer[REMEMBERED];
  private int next;

  /**
   * The view of a whole segment, after a check that the segment is native, alive and holds the
   * range.
   */
  ByteBuffer of(MemorySegment segment, long offset, int bytes) {
    Objects.checkFromIndexSize(offset, bytes, segment.byteSize());
    // A view in hand outlives its segment's arena, and native code would not notice.
    if (!segment.scope().isAlive()) {
      throw new IllegalStateException("the segment's arena has been closed");
    }
    for (int i = 0; i < REMEMBERED; i++) {
      MemorySegment seen = segments[i];
      ByteBuffer buffer = buffers[i];
      // The scope too: the same address may be a new allocation, and its old view is dead.
      if (seen != null
          && buffer != null
          && seen.equals(segment)
          && seen.scope().equals(segment.scope())) {
        return buffer;
      }
    }
    if (!segment.isNative()) {
      throw new IllegalArgumentException("a block is decoded from and into native memory only");
    }
    ByteBuffer buffer = segment.asByteBuffer();
    segments[next] = segment;
    buffers[next] = buffer;
    next = (next + 1) % REMEMBERED;
    return buffer;
  }
}
