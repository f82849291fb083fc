package org.rekindle.guest.qemu;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.rekindle.json.Json;

/*
 * Where does the device state end?
 *
 * Sections of devices have no length: only a program that knows every device could walk them. But
 * they come last, so their end is found from the end of the stream. QEMU closes with EOF and a
 * description of the state in JSON, whose header holds its length; going backwards, the header is
 * where that length reaches exactly to the end. A machine with suppress-vmdesc=on leaves the
 * description out; then the stream ends with the footer of its last section and EOF. Everything
 * else is a stream that was cut off.
 */

/** The sections of all devices: opaque, but for the run state that one of them names. */
final class DeviceState {
  /**
   * Usually 60 kB; a virtio-gpu with large surfaces reaches a few hundred MB. Bounds what a hostile
   * stream can make us keep.
   */
  private static final int MAX_BYTES = 512 << 20;

  private static final int FOOTER_BYTES = 5;

  private final byte[] sections;

  private DeviceState(byte[] sections) {
    this.sections = sections;
  }

  /** The sections, byte for byte, without EOF. */
  byte[] sections() {
    return sections;
  }

  /**
   * Reads to the end of the stream.
   *
   * @throws MigrationStreamException if there is something else than sections of devices, or the
   *     stream was cut off
   */
  static DeviceState read(StreamInput in) throws IOException {
    int type = in.peekU8("the device state");
    if (type != StreamFormat.SECTION_FULL) {
      throw in.unexpected("device state (a section 0x04)", "0x%02x".formatted(type));
    }
    byte[] tail = new byte[1 << 16];
    int length = 0;
    while (!in.atEnd()) {
      int some = in.available();
      if (some > MAX_BYTES - length) {
        throw in.failure("device state of more than " + MAX_BYTES + " bytes");
      }
      if (some > tail.length - length) {
        tail = Arrays.copyOf(tail, Math.min(MAX_BYTES, Math.max(2 * tail.length, length + some)));
      }
      in.copyTo(tail, length, some);
      length += some;
    }
    int end = end(tail, length);
    if (end < 0) {
      throw in.failure("the stream ends inside the device state");
    }
    return new DeviceState(Arrays.copyOf(tail, end));
  }

  /** The index of EOF, or -1. */
  private static int end(byte[] tail, int length) {
    ByteBuffer bytes = ByteBuffer.wrap(tail, 0, length);
    int last = length - 1;
    while (last > 0 && tail[last] != StreamFormat.VMDESCRIPTION) {
      last--;
    }
    // JSON has no such byte, but the length in front of it may have.
    for (int i = last; i > FOOTER_BYTES && i >= last - 4; i--) {
      if (tail[i] == StreamFormat.VMDESCRIPTION
          && tail[i - 1] == StreamFormat.EOF
          && i + 5 < length
          && bytes.getInt(i + 1) == length - i - 5
          && isDescription(tail, i + 5, length)
          && endsWithFooter(bytes, i - 1)) {
        return i - 1;
      }
    }
    int end = length - 1;
    return end > FOOTER_BYTES && tail[end] == StreamFormat.EOF && endsWithFooter(bytes, end)
        ? end
        : -1;
  }

  private static boolean isDescription(byte[] tail, int start, int end) {
    if (tail[start] != '{') {
      return false;
    }
    try {
      return Json.parseObject(new String(tail, start, end - start, StandardCharsets.UTF_8))
          .containsKey("devices");
    } catch (IllegalArgumentException notJson) {
      return false;
    }
  }

  /** Whether the bytes before {@code end} are the footer of a section that is there. */
  private static boolean endsWithFooter(ByteBuffer bytes, int end) {
    int footer = end - FOOTER_BYTES;
    if (bytes.get(footer) != StreamFormat.FOOTER) {
      return false;
    }
    int id = bytes.getInt(footer + 1);
    for (int i = footer - FOOTER_BYTES; i >= 0; i--) {
      if (bytes.get(i) == StreamFormat.SECTION_FULL && bytes.getInt(i + 1) == id) {
        return true;
      }
    }
    return false;
  }

  /**
   * The run state that the section {@code globalstate} names, such as {@code "paused"}: the state
   * before the migration began. Null if there is no such section.
   *
   * <p>Its layout: 04, u32 section id, u8 11, "globalstate", u32 instance 0, u32 version 1, u32
   * length, 100 bytes of text padded with NUL.
   */
  @Nullable String runState() {
    byte[] mark = "\u000bglobalstate\0\0\0\0\0\0\0\1".getBytes(StandardCharsets.US_ASCII);
    for (int i = 5; i + mark.length + 4 < sections.length; i++) {
      if (sections[i - 5] == StreamFormat.SECTION_FULL
          && Arrays.equals(sections, i, i + mark.length, mark, 0, mark.length)) {
        int text = i + mark.length + 4;
        int end = text;
        while (end < sections.length && end < text + 100 && sections[end] != 0) {
          end++;
        }
        return new String(sections, text, end - text, StandardCharsets.US_ASCII);
      }
    }
    return null;
  }

  /** Whether the guest was running when it was saved; without a run state, QEMU would start it. */
  boolean wasRunning() {
    String state = runState();
    return state == null || state.equals("running");
  }
}
