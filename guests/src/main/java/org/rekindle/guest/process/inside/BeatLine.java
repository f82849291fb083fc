package org.rekindle.guest.process.inside;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;

/** What a worker says by itself, on the program's standard output. Allocates nothing. */
final class BeatLine {
  private static final byte[] HEX = "0123456789abcdef".getBytes(US_ASCII);
  private static final byte[] RUNNING = "running\n".getBytes(US_ASCII);
  private static final int MOST_DIGITS = 18;
  private static final int START = "beat ".length();

  private final OutputStream to;
  private final byte[] line = new byte[START + MOST_DIGITS + 1 + 16 + 1];

  /**
   * @param to takes a whole line in one write
   */
  BeatLine(OutputStream to) {
    this.to = to;
    System.arraycopy("beat ".getBytes(US_ASCII), 0, line, 0, START);
  }

  /** Says {@code running}. */
  void running() {
    write(RUNNING, RUNNING.length);
  }

  /** Says {@code beat NUMBER DIGEST}; the number has at most 18 digits, the digest 16. */
  void beat(long number, long digest) {
    int digits = 1;
    for (long rest = number / 10; rest > 0; rest /= 10) {
      digits++;
    }
    long rest = number;
    for (int at = START + digits - 1; at >= START; at--) {
      line[at] = (byte) ('0' + rest % 10);
      rest /= 10;
    }
    int at = START + digits;
    line[at++] = ' ';
    for (int shift = 60; shift >= 0; shift -= 4) {
      line[at++] = HEX[(int) (digest >>> shift) & 15];
    }
    line[at++] = '\n';
    write(line, at);
  }

  private void write(byte[] text, int bytes) {
    try {
      to.write(text, 0, bytes);
    } catch (IOException gone) {
      throw new UncheckedIOException(gone); // whoever started us has ended
    }
  }
}
