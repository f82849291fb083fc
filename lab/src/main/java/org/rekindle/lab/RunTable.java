package org.rekindle.lab;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Measured runs as a table for a terminal, one line each. */
public final class RunTable {
  private record Column(String title, String unit, Function<RunResult, @Nullable String> value) {}

  private static final List<Column> COLUMNS =
      List.of(
          new Column("strategy", "", run -> run.condition().strategy()),
          new Column("first", "instruction", run -> time(run.progress().firstInstructionMs())),
          new Column("first", "heartbeat", run -> time(run.progress().firstHeartbeatMs())),
          new Column("back to", "normal", run -> time(run.progress().backToNormalMs())),
          new Column("TTR", "(1 s, 0.7)", run -> time(run.responsiveness().ttrMs().get("1s@0.7"))),
          new Column("TTR", "(1 s, 0.9)", run -> time(run.responsiveness().ttrMs().get("1s@0.9"))),
          new Column(
              "TTR", "(0.1 s, 0.9)", run -> time(run.responsiveness().ttrMs().get("0.1s@0.9"))),
          new Column("demand", "faults", run -> count(run.paging().demandFaults())),
          new Column("MB", "read", run -> megabytes(run.paging().bytesRead())),
          new Column("pages", "prefetched", run -> count(run.paging().pagesPrefetched())),
          new Column("of them", "used", run -> count(run.paging().pagesPrefetchedUsed())),
          new Column("memory", "identical", run -> verdict(run.evidence().memoryIdentical())));

  private static final String UNKNOWN = "-";

  private RunTable() {}

  /** The table, with a line end after each line. */
  public static String of(List<RunResult> runs) {
    List<List<String>> lines = new ArrayList<>();
    lines.add(COLUMNS.stream().map(Column::title).toList());
    lines.add(COLUMNS.stream().map(Column::unit).toList());
    for (RunResult run : runs) {
      lines.add(COLUMNS.stream().map(column -> cell(column, run)).toList());
    }
    StringBuilder table = new StringBuilder();
    for (List<String> line : lines) {
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < line.size(); i++) {
        int width = width(lines, i);
        text.append(String.format(i == 0 ? "%-" + width + "s" : "  %" + width + "s", line.get(i)));
      }
      table.append(text.toString().stripTrailing()).append('\n');
    }
    return table.toString();
  }

  private static int width(List<List<String>> lines, int column) {
    return lines.stream().mapToInt(line -> line.get(column).length()).max().orElse(1);
  }

  private static String cell(Column column, RunResult run) {
    String value = column.value().apply(run);
    return value == null ? UNKNOWN : value;
  }

  /** A run in a few words, for a log. */
  public static String sentence(RunResult run) {
    String normal = time(run.progress().backToNormalMs());
    Boolean identical = run.evidence().memoryIdentical();
    return "first instruction after %s, back to normal %s, memory %s"
        .formatted(
            String.valueOf(time(run.progress().firstInstructionMs())),
            normal == null ? "not seen" : "after " + normal,
            identical == null ? "not compared" : identical ? "identical" : "NOT identical");
  }

  private static @Nullable String time(@Nullable Double ms) {
    return ms == null || !Double.isFinite(ms)
        ? null
        : ms < 1000
            ? String.format(Locale.ROOT, "%.0f ms", ms)
            : String.format(Locale.ROOT, "%.2f s", ms / 1000);
  }

  private static @Nullable String count(@Nullable Long number) {
    return number == null ? null : String.format(Locale.ROOT, "%,d", number);
  }

  private static @Nullable String megabytes(@Nullable Long bytes) {
    return bytes == null ? null : String.format(Locale.ROOT, "%.0f", bytes / 1e6);
  }

  private static @Nullable String verdict(@Nullable Boolean identical) {
    return identical == null ? null : identical ? "yes" : "NO";
  }
}
