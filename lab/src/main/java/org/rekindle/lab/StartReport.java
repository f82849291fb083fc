package org.rekindle.lab;

import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rekindle.json.Members;

/** What {@link StartBenchmark} has found, as a page of Markdown and as raw figures. */
final class StartReport {
  private static final String QEMU_ALONE = "stock QEMU alone";
  private static final String FIRST = "first instruction";

  private static final List<String> STARTS =
      List.of("JVM", "understood", "begun", "image opened", "vmm answers", "vmm prepared", FIRST);

  private static final List<String> PAUSES =
      List.of(
          "looks",
          "medianGapUs",
          "p99GapUs",
          "longestGapUs",
          "gapsOver1Ms",
          "collections",
          "ownGapsOver1Ms",
          "longestOwnGapUs");

  /** By variant, then by milestone or group of faults: a figure for each round. */
  private final Map<String, Map<String, List<Double>>> startMs = new LinkedHashMap<>();

  private final Map<String, Map<String, List<Double>>> medianUs = new LinkedHashMap<>();
  private final Map<String, Map<String, List<Double>>> p99Us = new LinkedHashMap<>();
  private final Map<String, Map<String, List<Double>>> pauses = new LinkedHashMap<>();
  private boolean keep;

  /** Whether what comes from now on counts. */
  void keepIf(boolean counts) {
    keep = counts;
  }

  void qemuAlone(double answersMs) {
    note(startMs, QEMU_ALONE, "vmm answers", answersMs);
  }

  /**
   * A restore.
   *
   * @param began when its command was given
   * @param json what it printed
   */
  void restored(StartBenchmark.Variant variant, Instant began, Map<String, @Nullable Object> json) {
    Instant jvm = Instant.parse(Members.text(json, "startedAt"));
    double jvmMs = Duration.between(began, jvm).toNanos() / 1e6;
    note(startMs, variant.name(), "JVM", jvmMs);
    Members.object(json, "milestonesMs")
        .forEach((name, ms) -> note(startMs, variant.name(), name, jvmMs + number(ms)));
    note(startMs, variant.name(), FIRST, jvmMs + number(json.get("firstInstructionMs")));
    Members.object(json, "pauses")
        .forEach((name, figure) -> note(pauses, variant.name(), name, number(figure)));
  }

  /** A clone that was watched. */
  void watched(StartBenchmark.Variant variant, Map<String, @Nullable Object> json) {
    for (Map<String, @Nullable Object> group :
        Members.objects(json.get("serviceUs"), "serviceUs")) {
      long from = Members.integer(group, "fromFault");
      String name = from > 1000 ? "later" : from + " to " + (from + 99);
      note(medianUs, variant.name(), name, number(group.get("medianUs")));
      note(p99Us, variant.name(), name, number(group.get("p99Us")));
    }
  }

  private static double number(@Nullable Object value) {
    if (value instanceof Number number) {
      return number.doubleValue();
    }
    throw new IllegalArgumentException("a number expected, found " + value);
  }

  private void note(
      Map<String, Map<String, List<Double>>> into, String variant, String name, double figure) {
    if (keep) {
      into.computeIfAbsent(variant, _ -> new LinkedHashMap<>())
          .computeIfAbsent(name, _ -> new ArrayList<>())
          .add(figure);
    }
  }

  Map<String, Object> raw() {
    Map<String, Object> raw = new LinkedHashMap<>();
    raw.put("startMs", startMs);
    raw.put("pauses", pauses);
    raw.put("serviceMedianUs", medianUs);
    raw.put("serviceP99Us", p99Us);
    return raw;
  }

  String text(int rounds) {
    return """
    # From the command to the guest's first instruction

    Made by `scripts/bench-start`: `./rekindle restore`, adaptive, of the demo's guest (1 GiB, software
    emulation) from a warm page cache; milliseconds from the start of the launcher, medians with the
    least and the most of %d rounds in turns. Raw figures: `start.json`.

    %s, %d processors, Linux %s, Java %s, %s, load average %.1f at the end.

    - *JVM*: the launcher has found that nothing is to be built, and the JVM is made
    - *understood*: the command line is; *begun*: QEMU is started
    - *image opened*: manifest and indexes are verified, while QEMU comes up by itself
    - *vmm answers*: QEMU's monitor does; *vmm prepared*: it is the machine that was saved, and connected
    - *first instruction*: device state sent and loaded, by QEMU's own clock

    %s
    ## Pauses

    In the same restores: how long the pager did not look at the guest's faults while it had work, and the
    collections of its JVM. *Own*: not those parts in which the scheduler let others run in the pager's place.

    %s
    ## How fast the first faults are served

    The same guest as a clone whose pages come on demand only (`rekindle record`), from a JVM that
    has just started: µs from the arrival of a fault to its service, median and 99th percentile of
    each hundred faults; medians of the rounds.

    %s\
    """
        .formatted(
            rounds,
            Environment.processor(),
            Runtime.getRuntime().availableProcessors(),
            System.getProperty("os.version"),
            Runtime.version().feature(),
            LocalDate.now(ZoneOffset.UTC),
            ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage(),
            table(startMs, STARTS),
            table(pauses, PAUSES),
            services());
  }

  private static String table(
      Map<String, Map<String, List<Double>>> figuresByRow, List<String> columns) {
    StringBuilder table = new StringBuilder("| |");
    columns.forEach(column -> table.append(' ').append(column).append(" |"));
    table.append("\n| --- |").append(" --- |".repeat(columns.size())).append('\n');
    figuresByRow.forEach((row, figures) -> {
      table.append("| ").append(row).append(" |");
      for (String column : columns) {
        List<Double> all = figures.getOrDefault(column, List.of());
        boolean last = column.equals(columns.getLast());
        table.append(' ').append(all.isEmpty() ? "" : last ? spread(all) : median(all));
        table.append(" |");
      }
      table.append('\n');
    });
    return table.toString();
  }

  private String services() {
    StringBuilder table = new StringBuilder("| faults |");
    medianUs.keySet().forEach(variant -> table.append(' ').append(variant).append(" |"));
    table.append("\n| --- |").append(" --- |".repeat(medianUs.size())).append('\n');
    List<String> groups =
        medianUs.values().stream()
            .findFirst()
            .map(each -> List.copyOf(each.keySet()))
            .orElse(List.of());
    for (String group : groups) {
      table.append("| ").append(group).append(" |");
      for (String variant : medianUs.keySet()) {
        table
            .append(' ')
            .append(median(figures(medianUs, variant, group)))
            .append(" / ")
            .append(median(figures(p99Us, variant, group)))
            .append(" |");
      }
      table.append('\n');
    }
    return table.toString();
  }

  private static List<Double> figures(
      Map<String, Map<String, List<Double>>> of, String variant, String name) {
    return of.getOrDefault(variant, Map.of()).getOrDefault(name, List.of());
  }

  private static String median(List<Double> all) {
    double[] sorted = sorted(all);
    return sorted.length == 0 ? "" : String.format(Locale.ROOT, "%.0f", sorted[sorted.length / 2]);
  }

  private static String spread(List<Double> all) {
    double[] sorted = sorted(all);
    return String.format(
        Locale.ROOT,
        "%.0f (%.0f-%.0f)",
        sorted[sorted.length / 2],
        sorted[0],
        sorted[sorted.length - 1]);
  }

  private static double[] sorted(List<Double> all) {
    return all.stream().mapToDouble(Double::doubleValue).sorted().toArray();
  }
}
