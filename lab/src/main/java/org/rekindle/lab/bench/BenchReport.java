package org.rekindle.lab.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Formatter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.rekindle.lab.Environment;
import org.rekindle.lab.Results;
import org.rekindle.lab.RunResult;
import org.rekindle.lab.Spread;
import org.rekindle.lab.WholeFile;

/** What a benchmark has found, as a page of Markdown with a plot for each comparison. */
public final class BenchReport {
  private static final List<String> RATIOS = List.of("0.5", "0.7", "0.9", "0.95", "0.99");
  private static final String OURS = "adaptive";
  private static final String UNKNOWN = "-";

  private final BenchFindings findings;
  private final List<Comparison> comparisons;
  private final Formatter text = new Formatter(Locale.ROOT);

  private BenchReport(BenchFindings findings) {
    this.findings = findings;
    this.comparisons = findings.comparisons();
  }

  /**
   * Writes the page and its plots.
   *
   * @param page whose folder takes the plots
   */
  public static void write(BenchFindings findings, Path page) throws IOException {
    for (Comparison comparison : findings.comparisons()) {
      String svg = CurvePlot.of(comparison);
      WholeFile.write(page.resolveSibling(plot(comparison)), out -> out.write(svg));
    }
    String written = new BenchReport(findings).text();
    WholeFile.write(page, out -> out.write(written));
  }

  private static String plot(Comparison comparison) {
    return "bench-%s-%s.svg".formatted(comparison.guest(), comparison.storage());
  }

  private String text() throws IOException {
    text.format("# Every way to restore, on the same work\n");
    text.format("\n");
    text.format(
        "Made by `rekindle bench`. Medians, with the lowest and the highest where there are several runs;\n");
    text.format(
        "TTR(w, u) is the time from the restore command until no window of length w leaves the guest less\n");
    text.format(
        "than the share u of its time. `oracle` is a lower bound, computed from the guest's true touches and\n");
    text.format(
        "the device as it was measured in the same run. `postcopy, linear`, `REAP's order` and `FaaSnap's\n");
    text.format(
        "order` are those rules as plans for our pager (`RivalPlans`), not their programs. Stock VMMs are\n");
    text.format("seen from outside only: they start when all is in.\n");
    text.format("\n");
    environment();
    exceptions();
    for (Comparison comparison : comparisons) {
      comparison(comparison);
    }
    growth();
    waves();
    return text.toString();
  }

  private void environment() throws IOException {
    if (comparisons.isEmpty() || !Files.exists(comparisons.getFirst().results())) {
      return;
    }
    Environment environment =
        Results.read(comparisons.getFirst().results()).sessions().getFirst().environment();
    text.format(
        "%s, %d processors, %s, Rekindle %s, %s.\n",
        environment.machine(),
        environment.cores(),
        environment.kernel(),
        environment.rekindleVersion(),
        environment.date());
    for (String sentence : environment.method()) {
      text.format("- %s\n", sentence);
    }
    text.format("\n");
  }

  private void exceptions() {
    text.format("## Where adaptive is later than a rival\n");
    text.format("\n");
    long points = 0;
    long later = 0;
    long withinNoise = 0;
    List<String> rows = new ArrayList<>();
    for (Comparison comparison : comparisons) {
      points += (long) comparison.rivals().size() * Comparison.keys().size();
      List<Comparison.Later> clear = new ArrayList<>();
      for (Comparison.Later each : comparison.exceptions()) {
        if (each.isWithinNoise()) {
          withinNoise++;
        } else {
          clear.add(each);
        }
      }
      later += clear.size();
      rows.addAll(ranges(comparison, clear));
    }
    text.format(
        "Of %,d medians of rivals (w of 0.1, 1 and 10 s, u from 0.1 to 0.99), adaptive's is later than"
            + " %,d; it is later than %,d more by less than the spread of the runs.\n",
        points, later, withinNoise);
    text.format("\n");
    if (!rows.isEmpty()) {
      text.format(
          "| guest | storage | rival | w | u | adaptive | rival's | adaptive / rival, at worst |\n");
      text.format("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
      rows.forEach(row -> text.format("%s\n", row));
      text.format("\n");
    }
  }

  /** A row for each rival and window, at its worst point. */
  private static List<String> ranges(Comparison comparison, List<Comparison.Later> later) {
    Map<String, List<Comparison.Later>> byCurve = new LinkedHashMap<>();
    for (Comparison.Later each : later) {
      String curve = each.rival() + " | " + each.window();
      byCurve.computeIfAbsent(curve, _ -> new ArrayList<>()).add(each);
    }
    List<String> rows = new ArrayList<>();
    byCurve.forEach((curve, points) -> {
      Comparison.Later worst =
          points.stream().max(Comparator.comparingDouble(Comparison.Later::factor)).orElseThrow();
      rows.add(
          row(
              comparison.guest(),
              comparison.storage(),
              curve,
              String.join(" ", points.stream().map(Comparison.Later::utilisation).toList()),
              time(worst.adaptive()),
              time(worst.other()),
              "%.2f (u = %s)".formatted(worst.factor(), worst.utilisation())));
    });
    return rows;
  }

  private void comparison(Comparison comparison) {
    text.format("## %s, %s\n", comparison.guest(), comparison.storage());
    text.format("\n");
    text.format(
        "%d rounds. The device: %.0f MB/s to a sequential reader as the pager's, %.2f ms for a single read.\n",
        comparison.rounds(),
        comparison.device().bytesPerSecond() / 1e6,
        comparison.device().readMs());
    bandwidth(comparison);
    text.format("\n");
    text.format("![TTR curves](%s)\n", plot(comparison));
    text.format("\n");
    ttr(comparison);
    factors(comparison);
    costs(comparison);
    robustness(comparison);
  }

  /** How much of the device eager gets, whose restore is one sequential read. */
  private void bandwidth(Comparison comparison) {
    Spread eager =
        comparison.spread(
            "eager",
            run -> {
              Double fromMs = run.progress().restoringFromMs();
              Double untilMs = run.progress().allInMs();
              Long bytes = run.paging().bytesRead();
              return fromMs == null || untilMs == null || bytes == null
                  ? null
                  : (Double) (bytes / (untilMs - fromMs) * 1e3);
            });
    if (eager != null) {
      text.format(
          "Reading all of the image in bulk, the pager had %.0f MB/s of it (%.0f %%).\n",
          eager.median() / 1e6, 100 * eager.median() / comparison.device().bytesPerSecond());
    }
  }

  private void ttr(Comparison comparison) {
    for (String window : RunResult.Responsiveness.WINDOWS.keySet()) {
      List<String> head = new ArrayList<>(List.of("TTR(" + window + ", u)"));
      RunResult.Responsiveness.UTILISATIONS.forEach(u -> head.add("u = " + u));
      table(head);
      for (String strategy : comparison.strategies()) {
        List<String> cells = new ArrayList<>(List.of(strategy));
        for (String u : RunResult.Responsiveness.UTILISATIONS) {
          cells.add(time(comparison.ttrMs(strategy, window + "@" + u)));
        }
        text.format("%s\n", row(cells.toArray(String[]::new)));
      }
      text.format("\n");
    }
  }

  private void factors(Comparison comparison) {
    List<String> head = new ArrayList<>(List.of("TTR(1s, u) / adaptive's"));
    RATIOS.forEach(u -> head.add("u = " + u));
    table(head);
    for (String strategy : comparison.strategies()) {
      if (!strategy.equals(OURS) && !comparison.robustness().contains(strategy)) {
        List<String> cells = new ArrayList<>(List.of(strategy));
        for (String u : RATIOS) {
          OptionalDouble factor = comparison.factor(strategy, "1s@" + u);
          cells.add(factor.isEmpty() ? UNKNOWN : "%.2f".formatted(factor.getAsDouble()));
        }
        text.format("%s\n", row(cells.toArray(String[]::new)));
      }
    }
    text.format("\n");
  }

  private void costs(Comparison comparison) {
    table(
        List.of(
            "",
            "first instruction",
            "back to normal",
            "all in",
            "demand faults",
            "MB read",
            "reads",
            "device MB",
            "device reads",
            "our CPU s",
            "VMM CPU s",
            "our peak MiB",
            "VMM peak MiB"));
    for (String strategy : comparison.strategies()) {
      if (!strategy.equals(OracleRun.NAME)) {
        text.format(
            "%s\n",
            row(
                strategy,
                time(comparison.spread(strategy, run -> run.progress().firstInstructionMs())),
                time(comparison.spread(strategy, run -> run.progress().backToNormalMs())),
                time(comparison.spread(strategy, run -> run.progress().allInMs())),
                count(comparison, strategy, 1, run -> run.paging().demandFaults()),
                count(comparison, strategy, 1e6, run -> run.paging().bytesRead()),
                count(comparison, strategy, 1, run -> run.paging().reads()),
                count(comparison, strategy, 1e6, run -> run.cost().deviceBytes()),
                count(comparison, strategy, 1, run -> run.cost().deviceReads()),
                seconds(comparison, strategy, run -> run.cost().cpuMs()),
                seconds(comparison, strategy, run -> run.cost().vmmCpuMs()),
                count(comparison, strategy, 1 << 20, run -> run.cost().peakMemoryBytes()),
                count(comparison, strategy, 1 << 20, run -> run.cost().vmmPeakMemoryBytes())));
      }
    }
    text.format("\n");
    wrong(comparison);
  }

  /** Runs whose numbers count for nothing, or that a reader should know something about. */
  private void wrong(Comparison comparison) {
    for (RunResult run : comparison.runs()) {
      if (Boolean.FALSE.equals(run.evidence().memoryIdentical())) {
        text.format(
            "- **%s, round %d: memory was NOT identical.**\n",
            run.condition().strategy(), run.condition().repetition());
      }
      if (run.evidence().remark() != null && !run.condition().strategy().equals(OracleRun.NAME)) {
        text.format(
            "- %s, round %d: %s\n",
            run.condition().strategy(), run.condition().repetition(), run.evidence().remark());
      }
    }
  }

  private void robustness(Comparison comparison) {
    if (comparison.robustness().isEmpty()) {
      return;
    }
    text.format("\n");
    table(List.of("wrong profiles, TTR(1s, 0.8)", "median", "of the right profile's"));
    for (String strategy : comparison.robustness()) {
      String right = strategy.substring(0, strategy.indexOf(','));
      Spread wrong = comparison.ttrMs(strategy, "1s@0.8");
      Spread normal = comparison.ttrMs(right, "1s@0.8");
      text.format(
          "%s\n",
          row(
              strategy,
              time(wrong),
              wrong == null || normal == null
                  ? UNKNOWN
                  : "%.2f".formatted(wrong.median() / normal.median())));
    }
    text.format("\n");
  }

  private void growth() {
    if (findings.growth().isEmpty()) {
      return;
    }
    text.format("## One working set in ever larger guests%n%n");
    table(
        List.of(
            "guest",
            "first instruction",
            "TTR(1s, 0.9)",
            "all in",
            "our peak MiB",
            "oracle's TTR(1s, 0.9)"));
    for (Comparison guest : findings.growth()) {
      text.format(
          "%s%n",
          row(
              guest.guest() + ", " + guest.storage(),
              time(guest.spread(OURS, run -> run.progress().firstInstructionMs())),
              time(guest.ttrMs(OURS, "1s@0.9")),
              time(guest.spread(OURS, run -> run.progress().allInMs())),
              count(guest, OURS, 1 << 20, run -> run.cost().peakMemoryBytes()),
              time(guest.ttrMs(OracleRun.NAME, "1s@0.9"))));
    }
    text.format("%n");
  }

  private void waves() {
    if (findings.waves().isEmpty()) {
      return;
    }
    text.format("## Many from one image at once%n%n");
    table(
        List.of(
            "storage",
            "guests",
            "TTR(1s, 0.9), median of all",
            "of the last",
            "all in",
            "MB/s to all guests",
            "device MB"));
    Map<String, List<Wave>> byKind = new LinkedHashMap<>();
    for (Wave wave : findings.waves()) {
      byKind
          .computeIfAbsent(wave.storage() + "/" + wave.guests(), _ -> new ArrayList<>())
          .add(wave);
    }
    byKind.forEach((_, waves) ->
        text.format(
            "%s%n",
            row(
                waves.getFirst().storage(),
                Integer.toString(waves.getFirst().guests()),
                time(Spread.of(waves.stream().flatMap(wave -> wave.ttrMs().stream()).toList())),
                time(Spread.of(waves.stream().map(wave -> Collections.max(wave.ttrMs())).toList())),
                time(Spread.of(waves.stream().map(Wave::allInMs).toList())),
                megabytes(Spread.of(waves.stream().map(Wave::placedBytesPerSecond).toList())),
                megabytes(Spread.of(waves.stream().map(Wave::deviceBytes).toList())))));
    text.format("%n");
  }

  private static String megabytes(@Nullable Spread bytes) {
    return bytes == null ? UNKNOWN : String.format(Locale.ROOT, "%,.0f", bytes.median() / 1e6);
  }

  private static String count(
      Comparison comparison,
      String strategy,
      double unit,
      Function<RunResult, @Nullable Number> number) {
    Spread spread = comparison.spread(strategy, number);
    return spread == null ? UNKNOWN : String.format(Locale.ROOT, "%,.0f", spread.median() / unit);
  }

  private static String seconds(
      Comparison comparison, String strategy, Function<RunResult, @Nullable Number> ms) {
    Spread spread = comparison.spread(strategy, ms);
    return spread == null ? UNKNOWN : String.format(Locale.ROOT, "%.2f", spread.median() / 1e3);
  }

  private static String time(@Nullable Spread ms) {
    if (ms == null) {
      return UNKNOWN;
    }
    return ms.known() == 1 || ms.min() == ms.max()
        ? time(ms.median())
        : "%s (%s to %s)".formatted(time(ms.median()), time(ms.min()), time(ms.max()));
  }

  private static String time(double ms) {
    return ms < 1000
        ? String.format(Locale.ROOT, "%.0f ms", ms)
        : String.format(Locale.ROOT, ms < 100_000 ? "%.2f s" : "%.0f s", ms / 1000);
  }

  private void table(List<String> head) {
    text.format("%s\n", row(head.toArray(String[]::new)));
    text.format("%s\n", "|" + " --- |".repeat(head.size()));
  }

  private static String row(String... cells) {
    return "| " + String.join(" | ", cells) + " |";
  }
}
