package org.rekindle.lab.evaluation;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;

/** Simulated beside measured restores, in Markdown: every run, and the medians of their errors. */
final class SimulatorTables {
  private SimulatorTables() {}

  static String of(List<SimulatorCheck.Row> rows) {
    StringBuilder text = new StringBuilder();
    text.append(
        """
        Seconds since the restore command. The simulator is told when the pager began, and says what TTR(1 s, u)
        comes of it. Error: simulated over measured; behind it the same of the time since the pager began.

        | guest | strategy | run | u | pager began | measured | simulated | error |
        | --- | --- | --- | --- | --- | --- | --- | --- |
        """);
    rows.forEach(row ->
        text.append(
            String.format(
                Locale.ROOT,
                "| %s | %s | %d | %s | %.3f | %.3f | %.3f | %+.0f %%, %+.0f %% |\n",
                row.guest(),
                row.contender(),
                row.repetition(),
                row.utilisation(),
                row.beganMs() / 1000,
                row.measuredMs() / 1000,
                row.simulatedMs() / 1000,
                100 * row.error(),
                100 * row.errorSinceBegin())));
    text.append("\nMedians of the errors, without their signs (least to largest):\n\n")
        .append("| guest | restores | error | since the pager began |\n")
        .append("| --- | --- | --- | --- |\n");
    rows.stream()
        .collect(
            Collectors.groupingBy(
                SimulatorCheck.Row::guest, LinkedHashMap::new, Collectors.toList()))
        .forEach((guest, all) ->
            text.append(
                summary(guest + (all.getFirst().isFixedOn() ? " (its costs are used)" : ""), all)));
    List<SimulatorCheck.Row> heldOut = rows.stream().filter(row -> !row.isFixedOn()).toList();
    if (!heldOut.isEmpty()) {
      text.append(summary("**held out, all**", heldOut));
    }
    return text.toString();
  }

  private static String summary(String of, List<SimulatorCheck.Row> rows) {
    return String.format(
        Locale.ROOT,
        "| %s | %d | %s | %s |\n",
        of,
        rows.size() / SimulatorCheck.UTILISATIONS.size(),
        spread(rows, SimulatorCheck.Row::error),
        spread(rows, SimulatorCheck.Row::errorSinceBegin));
  }

  private static String spread(
      List<SimulatorCheck.Row> rows, ToDoubleFunction<SimulatorCheck.Row> error) {
    return String.format(
        Locale.ROOT,
        "**%.1f %%** (%.0f to %.0f)",
        100 * SimulatorCheck.medianError(rows, error),
        100 * errors(rows, error).min().orElseThrow(),
        100 * errors(rows, error).max().orElseThrow());
  }

  private static DoubleStream errors(
      List<SimulatorCheck.Row> rows, ToDoubleFunction<SimulatorCheck.Row> error) {
    return rows.stream().mapToDouble(error).map(Math::abs);
  }
}
