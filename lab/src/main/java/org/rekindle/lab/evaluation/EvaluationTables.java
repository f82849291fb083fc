package org.rekindle.lab.evaluation;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.rekindle.lab.Environment;
import org.rekindle.lab.RunResult;

/** What was measured as tables in Markdown: medians, and from the least to the largest. */
final class EvaluationTables {
  private static final List<String> UTILISATIONS =
      List.of("0.5", "0.6", "0.7", "0.8", "0.9", "0.95");

  private final Environment environment;
  private final List<RunResult> runs;
  private final List<SimulatorCheck.Row> checks;
  private final List<PolicyStudy.Row> policies;
  private final StringBuilder text = new StringBuilder();

  EvaluationTables(
      Environment environment,
      List<RunResult> runs,
      List<SimulatorCheck.Row> checks,
      List<PolicyStudy.Row> policies) {
    this.environment = environment;
    this.runs = runs;
    this.checks = checks;
    this.policies = policies;
  }

  String text() {
    say("# Measured restores");
    say(
        "Made by `rekindle lab paper`; do not edit. Times are seconds since the restore command (pager: when the restore of memory began; until then"
            + " QEMU starts): median (least to largest) of the repetitions.");
    say(
        "Machine: %s, %d cores, %s; %s; %s; begun %s."
            .formatted(
                environment.machine(),
                environment.cores(),
                environment.kernel(),
                environment.storage(),
                environment.throttle(),
                environment.date()));
    for (String guest : guests()) {
      restores(guest);
    }
    say("## The simulator beside them");
    text.append(SimulatorTables.of(checks)).append('\n');
    policies();
    return text.toString();
  }

  private void say(String line) {
    text.append(line).append("\n\n");
  }

  private void row(List<String> cells) {
    text.append("| ").append(String.join(" | ", cells)).append(" |\n");
  }

  private void head(List<String> cells) {
    row(cells);
    row(cells.stream().map(_ -> "---").toList());
  }

  private List<String> guests() {
    return runs.stream().map(run -> run.condition().guest()).distinct().toList();
  }

  private void restores(String guest) {
    List<RunResult> all =
        runs.stream().filter(run -> run.condition().guest().equals(guest)).toList();
    say("## " + guest);
    say("![TTR curves](%s)".formatted(CurvePlot.file(guest)));
    List<String> titles = new ArrayList<>(List.of("strategy", "n", "pager", "start", "normal"));
    UTILISATIONS.forEach(utilisation -> titles.add("TTR(1 s, " + utilisation + ")"));
    titles.addAll(List.of("all in", "faults", "coverage", "precision"));
    head(titles);
    for (String strategy :
        all.stream().map(run -> run.condition().strategy()).distinct().sorted().toList()) {
      List<RunResult> repetitions =
          all.stream().filter(run -> run.condition().strategy().equals(strategy)).toList();
      List<String> cells = new ArrayList<>(List.of(strategy, "" + repetitions.size()));
      cells.add(seconds(repetitions, run -> run.progress().restoringFromMs()));
      cells.add(seconds(repetitions, run -> run.progress().firstInstructionMs()));
      cells.add(seconds(repetitions, run -> run.progress().backToNormalMs()));
      for (String utilisation : UTILISATIONS) {
        cells.add(
            seconds(repetitions, run -> run.responsiveness().ttrMs().get("1s@" + utilisation)));
      }
      cells.add(seconds(repetitions, run -> run.progress().allInMs()));
      cells.add(spread(repetitions, run -> run.paging().demandFaults(), 1, "%,.0f"));
      cells.add(spread(repetitions, run -> run.paging().coverage(), 0.01, "%.0f %%"));
      cells.add(spread(repetitions, run -> run.paging().precision(), 0.01, "%.0f %%"));
      row(cells);
    }
    text.append('\n');
  }

  private static String seconds(
      List<RunResult> repetitions, Function<RunResult, @Nullable Double> ms) {
    return spread(repetitions, ms, 1000, "%.2f");
  }

  /** Nothing where no repetition has the number; how many have it where not all do. */
  private static String spread(
      List<RunResult> repetitions,
      Function<RunResult, ? extends @Nullable Number> number,
      double unit,
      String format) {
    double[] known =
        repetitions.stream()
            .map(number)
            .filter(Objects::nonNull)
            .mapToDouble(Number::doubleValue)
            .filter(Double::isFinite)
            .sorted()
            .toArray();
    if (known.length == 0) {
      return "";
    }
    String median = formatted(format, SimulatorCheck.median(known) / unit);
    String range =
        known.length == 1
            ? ""
            : " (%s to %s)"
                .formatted(
                    formatted(format, known[0] / unit),
                    formatted(format, known[known.length - 1] / unit));
    String missing =
        known.length == repetitions.size()
            ? ""
            : ", %d of %d".formatted(known.length, repetitions.size());
    return median + range + missing;
  }

  private static String formatted(String format, double value) {
    return String.format(Locale.ROOT, format, value);
  }

  private void policies() {
    say("## Which order of pages is the best for a restore?");
    say(
        ("Every policy ranked the same touches before the save, as a trace or as sweeps; the budget is"
                + " a share of the pages that the restored guest touched. Cells: coverage, precision; by how"
                + " many seconds TTR(1 s, 0.9) is above the oracle's at the same budget, simulated, of a"
                + " working set restore and of an adaptive one. Medians over %d guests.")
            .formatted(guests().size()));
    List<String> titles = new ArrayList<>(List.of("policy", "seen"));
    PolicyStudy.BUDGETS.forEach(budget -> titles.add("budget " + budget + " %"));
    head(titles);
    for (PolicyStudy.Seen seen : PolicyStudy.Seen.values()) {
      for (String name : policies.stream().map(PolicyStudy.Row::policy).distinct().toList()) {
        List<String> cells = new ArrayList<>();
        cells.add(name);
        cells.add(seen == PolicyStudy.Seen.TRACE ? "trace" : "sweeps");
        for (int budget : PolicyStudy.BUDGETS) {
          cells.add(
              cell(
                  policies.stream()
                      .filter(row -> row.policy().equals(name) && row.seen() == seen)
                      .filter(row -> row.budgetPercent() == budget)
                      .toList()));
        }
        row(cells);
      }
    }
    text.append('\n');
  }

  private String cell(List<PolicyStudy.Row> rows) {
    return rows.isEmpty()
        ? ""
        : String.join(
            ", ",
            median("%.0f %%", rows, row -> 100 * row.score().coverage()),
            median("%.0f %%", rows, row -> 100 * row.score().precision())
                + "; "
                + median(
                    "%+.2f", rows, row -> (row.workingSetMs() - oracle(row).workingSetMs()) / 1000),
            median("%+.2f", rows, row -> (row.adaptiveMs() - oracle(row).adaptiveMs()) / 1000));
  }

  private PolicyStudy.Row oracle(PolicyStudy.Row of) {
    return policies.stream()
        .filter(row -> row.policy().equals("oracle") && row.seen() == of.seen())
        .filter(row -> row.guest().equals(of.guest()))
        .filter(row -> row.budgetPercent() == of.budgetPercent())
        .findFirst()
        .orElseThrow();
  }

  private static String median(
      String format,
      List<PolicyStudy.Row> rows,
      java.util.function.ToDoubleFunction<PolicyStudy.Row> number) {
    return formatted(format, SimulatorCheck.median(rows.stream().mapToDouble(number).toArray()));
  }
}
