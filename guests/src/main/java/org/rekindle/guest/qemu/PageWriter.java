package org.rekindle.guest.qemu;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;

/**
 * Writes page records into a {@link FrameQueue}, as PART sections of {@code ram} or, for the
 * preempt channel, as bare records.
 *
 * <p>The first record of a frame always names its region, so frames may overtake each other.
 */
final class PageWriter {
  /**
   * The section id of {@code ram} in our stream. QEMU numbers the sections of the device state from
   * 0 up, so this one is never among them.
   */
  static final int RAM_SECTION = 0x0052_414d;

  /**
   * At most so many records in a PART. A demanded page waits for the rest of a PART (64 KiB, some
   * 50 µs of copying); the frame around it costs 18 bytes and one look-up, 1 % of that.
   */
  static final int MAX_PART_PAGES = 16;

  /** The most that one more record can add to a queue, with a section opened and closed around. */
  static final int MAX_RECORD_BYTES = 5 + Long.BYTES + 256 + MemoryMap.PAGE_BYTES + Long.BYTES + 5;

  private final FrameQueue queue;
  private final byte[][] names;
  private final boolean sections;
  private int lastRegion;
  private int partPages;

  /**
   * @param names of the regions, as {@link #encode} has them
   * @param sections whether records go into PART sections; otherwise each is a frame of its own
   */
  PageWriter(FrameQueue queue, byte[][] names, boolean sections) {
    this.queue = queue;
    this.names = names;
    this.sections = sections;
  }

  /** The names of regions as the stream has them. */
  static byte[][] encode(List<Region> regions) {
    byte[][] names = new byte[regions.size()][];
    for (int i = 0; i < names.length; i++) {
      names[i] = regions.get(i).name().getBytes(StandardCharsets.UTF_8);
      if (names[i].length > 255) {
        throw new IllegalArgumentException(
            "region name has more than 255 bytes: " + regions.get(i).name());
      }
    }
    return names;
  }

  /** Whether one more record fits. */
  boolean hasRoom() {
    return queue.hasRoom(MAX_RECORD_BYTES);
  }

  /** Adds a record; {@code data} is null for a page of zeros. */
  void add(int region, int gpn, @Nullable MemorySegment data, long offset) {
    boolean first = !queue.isOpen();
    if (first) {
      open();
    }
    boolean named = first || region != lastRegion;
    int flags =
        (data == null ? StreamFormat.FLAG_ZERO : StreamFormat.FLAG_PAGE)
            | (named ? 0 : StreamFormat.FLAG_CONTINUE);
    queue.u64((long) gpn * MemoryMap.PAGE_BYTES | flags);
    if (named) {
      queue.name(names[region]);
      lastRegion = region;
    }
    if (data == null) {
      queue.u8(0);
    } else {
      queue.bytes(data, offset, MemoryMap.PAGE_BYTES);
    }
    partPages++;
    if (partPages == MAX_PART_PAGES || !sections) {
      close();
    }
  }

  private void open() {
    queue.begin();
    partPages = 0;
    if (sections) {
      queue.u8(StreamFormat.SECTION_PART);
      queue.u32(RAM_SECTION);
    }
  }

  /** Closes the frame that is open, if any, so that it can be sent. */
  void close() {
    if (!queue.isOpen()) {
      return;
    }
    if (sections) {
      queue.u64(StreamFormat.FLAG_EOS);
      footer(queue);
    }
    queue.end();
  }

  static void footer(FrameQueue queue) {
    queue.u8(StreamFormat.FOOTER);
    queue.u32(RAM_SECTION);
  }
}
