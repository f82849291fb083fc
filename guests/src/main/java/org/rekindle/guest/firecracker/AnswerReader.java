package org.rekindle.guest.firecracker;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Arrays;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads one answer in the part of HTTP/1.1 that Firecracker's server speaks (micro-http): a status
 * line with or without a reason, header fields on one line each, a body as long as Content-Length
 * says, none after 204. Whatever else HTTP has (chunks, compression, interim answers, bodies to the
 * end of the connection) is not sent by it, so who sends it is not Firecracker, and is refused.
 *
 * @see <a href="https://www.rfc-editor.org/rfc/rfc9112">RFC 9112</a>
 */
final class AnswerReader {
  /** Firecracker's have about 150 bytes. */
  static final int MAX_HEAD_BYTES = 8 << 10;

  /** The largest asked for is a configuration, some 2 kB. */
  static final int MAX_BODY_BYTES = 1 << 20;

  private static final Pattern STATUS_LINE = Pattern.compile("HTTP/1\\.[01] ([1-5]\\d\\d)( .*)?");
  private static final Pattern FIELD = Pattern.compile("([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*)");
  private static final int NO_LENGTH = -1;

  private byte[] bytes = new byte[1024];
  private int count;
  private int headBytes; // with the empty line; 0 until that has come
  private int status;
  private int bodyBytes = NO_LENGTH;

  /**
   * Takes what has come next.
   *
   * @return the answer once it is whole, null before
   * @throws IllegalArgumentException if it is none, or has more than it should; says what came
   */
  @Nullable Answer take(byte[] from, int length) {
    if (count + (long) length > MAX_HEAD_BYTES + MAX_BODY_BYTES) {
      throw new IllegalArgumentException("more than " + (count + (long) length) + " bytes came");
    }
    if (count + length > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.max(2 * bytes.length, count + length));
    }
    System.arraycopy(from, 0, bytes, count, length);
    count += length;
    if (headBytes == 0 && !findHead()) {
      return null;
    }
    int end = headBytes + Math.max(0, bodyBytes);
    if (count > end) {
      throw new IllegalArgumentException(
          "%d bytes came behind an answer of %d".formatted(count - end, end));
    }
    return count < end
        ? null
        : new Answer(status, new String(bytes, headBytes, end - headBytes, UTF_8));
  }

  /** What is known of an answer that did not become whole. */
  String progress() {
    return count == 0
        ? "without an answer"
        : headBytes == 0
            ? "after %d bytes, inside the head of the answer".formatted(count)
            : "after %d of %d bytes of the answer".formatted(count, headBytes + bodyBytes);
  }

  private boolean findHead() {
    for (int i = 3; i < Math.min(count, MAX_HEAD_BYTES); i++) {
      if (bytes[i - 3] == '\r'
          && bytes[i - 2] == '\n'
          && bytes[i - 1] == '\r'
          && bytes[i] == '\n') {
        headBytes = i + 1;
        parseHead(new String(bytes, 0, i - 3, ISO_8859_1).split("\r\n", -1));
        return true;
      }
    }
    checkBeginning();
    if (count >= MAX_HEAD_BYTES) {
      throw new IllegalArgumentException("a head of more than " + MAX_HEAD_BYTES + " bytes");
    }
    return false;
  }

  /** Who speaks another language is not waited for. */
  private void checkBeginning() {
    String start = new String(bytes, 0, Math.min(count, 7), ISO_8859_1);
    if (!"HTTP/1.".startsWith(start)) {
      throw new IllegalArgumentException(
          "not HTTP/1.1: " + shown(new String(bytes, 0, Math.min(count, 60), ISO_8859_1)));
    }
  }

  private void parseHead(String[] lines) {
    Matcher statusLine = STATUS_LINE.matcher(lines[0]);
    if (!statusLine.matches()) {
      throw new IllegalArgumentException("no status line of HTTP/1.1: " + shown(lines[0]));
    }
    status = Integer.parseInt(statusLine.group(1));
    if (status < 200) {
      throw new IllegalArgumentException("an interim answer that was not asked for: " + status);
    }
    for (int i = 1; i < lines.length; i++) {
      Matcher field = FIELD.matcher(lines[i]);
      if (!field.matches()) {
        throw new IllegalArgumentException("no header field: " + shown(lines[i]));
      }
      note(field.group(1).toLowerCase(Locale.ROOT), field.group(2).strip());
    }
    if (status == 204 ? bodyBytes > 0 : bodyBytes == NO_LENGTH) {
      throw new IllegalArgumentException(
          status == 204 ? "a body where none can be (204)" : "no Content-Length");
    }
  }

  private void note(String name, String value) {
    switch (name) {
      case "content-length" -> {
        if (!value.matches("\\d{1,10}") || Long.parseLong(value) > MAX_BODY_BYTES) {
          throw new IllegalArgumentException(
              "a Content-Length of %s, at most %d expected"
                  .formatted(shown(value), MAX_BODY_BYTES));
        }
        int length = Integer.parseInt(value);
        if (bodyBytes != NO_LENGTH && bodyBytes != length) {
          throw new IllegalArgumentException("two lengths: " + bodyBytes + " and " + length);
        }
        bodyBytes = length;
      }
      case "transfer-encoding", "content-encoding" ->
          throw new IllegalArgumentException("an encoded body: " + shown(value));
      default -> {} // Server, Connection, Content-Type, Deprecation
    }
  }

  /** Somebody else's text, fit to be read on a terminal. */
  static String shown(String text) {
    String printable = text.replaceAll("\\p{Cntrl}+", " ").strip();
    return printable.length() <= MAX_SHOWN ? printable : printable.substring(0, MAX_SHOWN) + "...";
  }

  private static final int MAX_SHOWN = 400;
}
