package org.rekindle.lab.criu;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.criu.CriuImportResult;
import org.rekindle.json.Json;
import org.rekindle.lab.RunResult;
import org.rekindle.lab.Spread;
import org.rekindle.lab.criu.MeasuredReturn.Measured;

/** What {@code scripts/bench-criu} found, as a document and as numbers. */
final class CriuReport {
  /**
   * A figure of a run; what did not come within the watching is infinite, what is not known NaN.
   */
  private record Figure(String name, String unit, ToDoubleFunction<Measured> value) {}

  private static final List<Figure> FIGURES =
      List.of(
          new Figure("first answer", "s", m -> seconds(m.result().progress().firstHeartbeatMs())),
          new Figure("back to normal", "s", m -> seconds(m.result().progress().backToNormalMs())),
          ttr("0.5"),
          ttr("0.7"),
          ttr("0.9"),
          ttr("0.95"),
          new Figure("all in", "s", m -> seconds(m.result().progress().allInMs())),
          new Figure("TTR(1 s, 0.9) by faults", "s", m -> m.faultTtrMs() / 1000),
          new Figure("demand faults", "", m -> number(m.result().paging().demandFaults())),
          new Figure("daemon listens after", "s", m -> m.daemonReadyMs() / 1000));

  /** Those that are compared with the rivals. */
  private static final List<Figure> COMPARED = FIGURES.subList(0, 6);

  private final int rounds;
  private final double loadBefore = loadAverage();
  private final List<String> programs = new ArrayList<>();
  private final List<Measured> all = new ArrayList<>();

  CriuReport(int rounds) throws IOException {
    this.rounds = rounds;
  }

  private static Figure ttr(String utilisation) {
    return new Figure(
        "TTR(1 s, %s)".formatted(utilisation),
        "s",
        m -> seconds(m.result().responsiveness().ttrMs().get("1s@" + utilisation)));
  }

  private static double seconds(@Nullable Double ms) {
    return ms == null ? Double.POSITIVE_INFINITY : ms / 1000;
  }

  private static double number(@Nullable Long number) {
    return number == null ? Double.NaN : number;
  }

  private static double loadAverage() throws IOException {
    return Double.parseDouble(Files.readString(Path.of("/proc/loadavg")).split(" ", 2)[0]);
  }

  void saved(MeasuredReturn.Saved saved, CriuImportResult imported) {
    programs.add(
        String.format(
            Locale.ROOT,
            "* **%s**: %,d pages that CRIU restores lazily (%,d of them zero) and %,d others; the"
                + " image takes %.0f MB. Normal: %.0f answers a second, 99 %% of them within"
                + " %.2f ms.%n",
            saved.program().description(),
            imported.pages(),
            imported.zeroPages(),
            imported.otherPages(),
            imported.imageBytes() / 1e6,
            saved.normal().answersPerSecond(),
            saved.normal().normalNs() / 1e6));
  }

  void add(Measured measured) {
    all.add(measured);
  }

  /** Writes criu.md and criu.json. */
  void write(Path folder) throws IOException {
    Files.writeString(folder.resolve("criu.md"), text());
    Files.writeString(folder.resolve("criu.json"), Json.pretty(numbers()));
  }

  private List<Map<String, @Nullable Object>> numbers() {
    List<Map<String, @Nullable Object>> runs = new ArrayList<>();
    for (Measured measured : all) {
      RunResult.Condition condition = measured.result().condition();
      Map<String, @Nullable Object> run = new LinkedHashMap<>();
      run.put("guest", condition.guest());
      run.put("storage", condition.storage());
      run.put("strategy", condition.strategy());
      run.put("repetition", condition.repetition());
      for (Figure figure : FIGURES) {
        double value = figure.value.applyAsDouble(measured);
        run.put(figure.name, Double.isFinite(value) ? value : null);
      }
      run.put("remark", measured.result().evidence().remark());
      runs.add(run);
    }
    return runs;
  }

  private String text() throws IOException {
    StringBuilder text =
        new StringBuilder("# Processes that CRIU has dumped, beside stock CRIU\n\n");
    text.append(
        String.format(
            Locale.ROOT,
            "`scripts/bench-criu`, %s, %d processors, Linux %s, load average %.2f before and %.2f"
                + " after, rounds: %d. Generated; every run is in `criu.json`.%n%n",
            LocalDate.now(ZoneOffset.UTC),
            Runtime.getRuntime().availableProcessors(),
            System.getProperty("os.version"),
            loadBefore,
            loadAverage(),
            rounds));
    programs.forEach(text::append);
    text.append(HOW);
    for (String guest : conditions(RunResult.Condition::guest)) {
      for (String storage : conditions(RunResult.Condition::storage)) {
        text.append("\n## ").append(guest).append(", ").append(storage).append("\n\n");
        appendTable(text, guest, storage);
      }
    }
    return text.toString();
  }

  private static final String HOW =
      """

      Each was dumped in the middle of its work and is restored in turns: by `criu restore`, which reads all
      memory first; with `criu lazy-pages`; and with ours in its place, after one recording of 10 s under
      another load. Dump and image are dropped from the page cache before each run, and that is verified.
      Times count from the start of `criu restore`; the daemon listens already, whoever's it is (the last
      column has how long it took to start). Four clients outside ask 1,000 times a second in all (95 % reads, keys
      by Zipf's law) and compare every byte that they get; data is random, so an image of it is hardly smaller.

      *First answer*: the first that a client got. *Back to normal*: as in
      [results.md](../formats/results.md), a beat for every 25 answers. *TTR(1 s, u)*: from then on
      no second leaves the clients less than the share u of their time undisturbed; a client is
      disturbed for as long as an answer takes more than 99 % of them took before the dump. It is the same measure
      for all, from outside, because stock CRIU does not tell its faults. Where they are known, *by faults* is TTR(1 s,
      0.9) if the whole program counts as stalled while any of its threads waits for a page: a lower
      bound of what it got. Medians, with the least and the most; all in seconds.
      """;

  private Set<String> conditions(Function<RunResult.Condition, String> part) {
    Set<String> values = new LinkedHashSet<>();
    all.forEach(measured -> values.add(part.apply(measured.result().condition())));
    return values;
  }

  private void appendTable(StringBuilder text, String guest, String storage) {
    text.append("| |");
    FIGURES.forEach(figure -> text.append(' ').append(figure.name).append(" |"));
    text.append("\n| --- |").append(" --- |".repeat(FIGURES.size())).append('\n');
    for (Contender contender : Contender.values()) {
      text.append("| ").append(contender.label()).append(" |");
      for (Figure figure : FIGURES) {
        text.append(' ')
            .append(cell(Spread.of(values(guest, storage, contender, figure)), figure))
            .append(" |");
      }
      text.append('\n');
    }
    text.append("\nThe median of the ratios within each round (less than 1 is faster):\n\n| |");
    COMPARED.forEach(figure -> text.append(' ').append(figure.name).append(" |"));
    text.append("\n| --- |").append(" --- |".repeat(COMPARED.size())).append('\n');
    for (Contender ours : List.of(Contender.WORKING_SET, Contender.ADAPTIVE)) {
      for (Contender rival : List.of(Contender.CRIU_RESTORE, Contender.CRIU_LAZY_PAGES)) {
        text.append("| ").append(ours.label()).append(" to ").append(rival.label()).append(" |");
        for (Figure figure : COMPARED) {
          double ratio = ratio(guest, storage, ours, rival, figure);
          text.append(
              Double.isFinite(ratio) ? String.format(Locale.ROOT, " %.2f |", ratio) : " – |");
        }
        text.append('\n');
      }
    }
  }

  private static String cell(@Nullable Spread spread, Figure figure) {
    return spread == null
        ? "–"
        : "%s (%s–%s)"
            .formatted(
                word(spread.median(), figure),
                word(spread.min(), figure),
                word(spread.max(), figure));
  }

  private static String word(double value, Figure figure) {
    if (Double.isInfinite(value)) {
      return "not seen";
    }
    return String.format(Locale.ROOT, figure.unit.isEmpty() ? "%,.0f" : "%.2f", value);
  }

  /** One for each round; null where it is not known. */
  private List<@Nullable Double> values(
      String guest, String storage, Contender contender, Figure figure) {
    List<@Nullable Double> values = new ArrayList<>();
    for (Measured measured : all) {
      RunResult.Condition found = measured.result().condition();
      if (found.guest().equals(guest)
          && found.storage().equals(storage)
          && found.strategy().equals(contender.label())) {
        double value = figure.value.applyAsDouble(measured);
        values.add(Double.isNaN(value) ? null : (Double) value);
      }
    }
    return values;
  }

  /** NaN where one of them was not seen. */
  private double ratio(
      String guest, String storage, Contender ours, Contender rival, Figure figure) {
    List<@Nullable Double> above = values(guest, storage, ours, figure);
    List<@Nullable Double> below = values(guest, storage, rival, figure);
    List<Double> ratios = new ArrayList<>();
    for (int round = 0; round < above.size(); round++) {
      @Nullable Double numerator = above.get(round);
      @Nullable Double denominator = below.get(round);
      if (numerator != null && denominator != null) {
        ratios.add(numerator / denominator);
      }
    }
    Spread spread = Spread.of(ratios);
    return spread == null ? Double.NaN : spread.median();
  }
}
