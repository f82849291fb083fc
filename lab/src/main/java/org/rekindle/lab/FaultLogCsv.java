package org.rekindle.lab;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/*
 * The fault log beside results.json: comma separated values, UTF-8, one line per fault in the order
 * in which they were served, after this header:
 *
 *   arrivalNs,servedNs,region,page,cause,vcpu
 *
 *   arrivalNs  whole number: when the fault arrived, nanoseconds since the restore command
 *   servedNs   whole number, not below arrivalNs: when its page was placed
 *   region     name of the region, in quotes (RFC 4180) if it has a comma or a quote
 *   page       whole number: page inside the region, 4 KiB each
 *   cause      demand | late | zero (see FaultRow.Cause)
 *   vcpu       whole number, or empty where the VMM does not tell
 */

/** Writes and reads fault logs. */
public final class FaultLogCsv {
  static final String HEADER = "arrivalNs,servedNs,region,page,cause,vcpu";

  /** A larger file is not ours: 10 million faults, 40 GiB faulted in page by page. */
  private static final long MAX_BYTES = 1L << 30;

  private static final Map<String, FaultRow.Cause> CAUSES = new HashMap<>();

  static {
    for (FaultRow.Cause cause : FaultRow.Cause.values()) {
      CAUSES.put(cause.word(), cause);
    }
  }

  private FaultLogCsv() {}

  /** Writes a log. The file is complete or not there. */
  public static void write(Iterable<FaultRow> rows, Path file) throws IOException {
    WholeFile.write(
        file,
        out -> {
          out.write(HEADER);
          out.write('\n');
          for (FaultRow row : rows) {
            write(row, out);
          }
        });
  }

  private static void write(FaultRow row, BufferedWriter out) throws IOException {
    out.write(Long.toString(row.arrivalNs()));
    out.write(',');
    out.write(Long.toString(row.servedNs()));
    out.write(',');
    out.write(quoted(row.region()));
    out.write(',');
    out.write(Long.toString(row.page()));
    out.write(',');
    out.write(row.cause().word());
    out.write(',');
    if (row.vcpu() != FaultRow.VCPU_UNKNOWN) {
      out.write(Integer.toString(row.vcpu()));
    }
    out.write('\n');
  }

  /**
   * Reads a log.
   *
   * @throws ResultsFormatException if it is not one; names the line
   */
  public static List<FaultRow> read(Path file) throws IOException {
    if (Files.size(file) > MAX_BYTES) {
      throw new ResultsFormatException(
          file + ": " + Files.size(file) + " bytes; a fault log has at most " + MAX_BYTES);
    }
    List<FaultRow> rows = new ArrayList<>();
    Map<String, String> regions = new HashMap<>(); // one String for each name, not for each row
    try (BufferedReader in = Files.newBufferedReader(file)) {
      String header = in.readLine();
      if (!HEADER.equals(header)) {
        throw new ResultsFormatException(
            file + ": not a fault log: its first line is not " + HEADER);
      }
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        try {
          rows.add(row(line, regions));
        } catch (IllegalArgumentException refused) {
          throw new ResultsFormatException(
              "%s: fault %d: %s".formatted(file, rows.size() + 1, refused.getMessage()), refused);
        }
      }
    } catch (java.nio.charset.CharacterCodingException notText) {
      throw new ResultsFormatException(file + ": not a fault log: it is not UTF-8 text", notText);
    }
    return rows;
  }

  private static FaultRow row(String line, Map<String, String> regions) {
    int first = line.indexOf(',');
    int second = line.indexOf(',', first + 1);
    int last = line.lastIndexOf(',');
    int fourth = line.lastIndexOf(',', last - 1);
    int third = line.lastIndexOf(',', fourth - 1);
    if (first < 0 || second < 0 || third <= second) {
      throw new IllegalArgumentException("expected six columns, found: " + shortened(line));
    }
    String region = unquoted(line.substring(second + 1, third));
    FaultRow.Cause cause = CAUSES.get(line.substring(fourth + 1, last));
    if (cause == null) {
      throw new IllegalArgumentException(
          "expected a cause of demand, late or zero, found: "
              + shortened(line.substring(fourth + 1, last)));
    }
    return new FaultRow(
        number(line.substring(0, first)),
        number(line.substring(first + 1, second)),
        regions.computeIfAbsent(region, name -> name),
        number(line.substring(third + 1, fourth)),
        cause,
        last + 1 == line.length()
            ? FaultRow.VCPU_UNKNOWN
            : Math.toIntExact(Math.min(number(line.substring(last + 1)), Integer.MAX_VALUE)));
  }

  private static long number(String text) {
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException notOne) {
      throw new IllegalArgumentException(
          "expected a whole number, found: " + shortened(text), notOne);
    }
  }

  private static String quoted(String name) {
    return name.indexOf(',') < 0 && name.indexOf('"') < 0
        ? name
        : '"' + name.replace("\"", "\"\"") + '"';
  }

  private static String unquoted(String field) {
    if (!field.startsWith("\"")) {
      return field;
    }
    if (field.length() < 2 || !field.endsWith("\"")) {
      throw new IllegalArgumentException("a quote is not closed: " + shortened(field));
    }
    return field.substring(1, field.length() - 1).replace("\"\"", "\"");
  }

  private static String shortened(String text) {
    return text.length() > 60 ? text.substring(0, 60) + "..." : text;
  }
}
