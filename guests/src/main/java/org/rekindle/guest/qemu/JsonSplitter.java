package org.rekindle.guest.qemu;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.Consumer;

/**
 * Cuts a byte stream into JSON objects.
 *
 * <p>QMP ends each message with a line break, but a monitor made with {@code pretty=on} also puts
 * line breaks inside. So braces are counted instead, outside of strings; what lies between two
 * objects may only be white space.
 */
final class JsonSplitter {
  private final int maxBytes;
  private byte[] message = new byte[4096];
  private int length;
  private int depth;
  private boolean inString;
  private boolean escaped;

  JsonSplitter(int maxBytes) {
    this.maxBytes = maxBytes;
  }

  /**
   * Takes all bytes of {@code input} and hands on each object that they complete.
   *
   * @throws IOException if there is something else between the objects, or one is too long
   */
  void feed(ByteBuffer input, Consumer<String> objects) throws IOException {
    while (input.hasRemaining()) {
      byte b = input.get();
      if (depth == 0) {
        if (b == ' ' || b == '\t' || b == '\r' || b == '\n') {
          continue;
        }
        if (b != '{') {
          throw new IOException(
              "expected a JSON object, found the byte 0x%02x".formatted(b & 0xff));
        }
      }
      append(b);
      if (inString) {
        if (escaped) {
          escaped = false;
        } else if (b == '\\') {
          escaped = true;
        } else if (b == '"') {
          inString = false;
        }
      } else if (b == '"') {
        inString = true;
      } else if (b == '{') {
        depth++;
      } else if (b == '}' && --depth == 0) {
        String text = new String(message, 0, length, StandardCharsets.UTF_8);
        length = 0;
        objects.accept(text);
      }
    }
  }

  private void append(byte b) throws IOException {
    if (length == maxBytes) {
      throw new IOException("a message is longer than " + maxBytes + " bytes");
    }
    if (length == message.length) {
      message = Arrays.copyOf(message, Math.min(2 * length, maxBytes));
    }
    message[length++] = b;
  }
}
