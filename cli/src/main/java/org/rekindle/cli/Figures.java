package org.rekindle.cli;

import java.util.Locale;
import org.rekindle.image.MemoryMap;

/** Numbers with units, as people read them. */
final class Figures {
  private static final String[] BINARY = {"B", "KiB", "MiB", "GiB", "TiB"};

  private Figures() {}

  /** Such as {@code "187 MiB"}: three digits that count. */
  static String bytes(double bytes) {
    double value = bytes;
    int unit = 0;
    while (value >= 1000 && unit < BINARY.length - 1) {
      value /= 1024;
      unit++;
    }
    return unit == 0
        ? String.format(Locale.ROOT, "%.0f B", value)
        : digits(value) + " " + BINARY[unit];
  }

  /** The bytes of so many pages. */
  static String pages(long pages) {
    return bytes((double) pages * MemoryMap.PAGE_BYTES);
  }

  /** Such as {@code "350 ms"} or {@code "1 min 05 s"}. */
  static String time(long ns) {
    double ms = ns / 1e6;
    if (ms < 1000) {
      return digits(ms) + " ms";
    }
    if (ms < 60_000) {
      return digits(ms / 1000) + " s";
    }
    long seconds = Math.round(ms / 1000);
    return String.format(Locale.ROOT, "%d min %02d s", seconds / 60, seconds % 60);
  }

  /** Milliseconds with three digits behind the point, as programs are told. */
  static double ms(long ns) {
    return Math.round(ns / 1e3) / 1e3;
  }

  /** Such as {@code "24,576"}. */
  static String count(long count) {
    return String.format(Locale.ROOT, "%,d", count);
  }

  private static String digits(double value) {
    String format = value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f";
    return String.format(Locale.ROOT, format, value);
  }
}
