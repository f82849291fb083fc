package org.rekindle.lab.estimators;

import java.io.IOException;
import java.nio.file.FileStore;
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
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.rekindle.json.Json;
import org.rekindle.lab.Spread;
import org.rekindle.workingset.Sweeps;

/** What {@code scripts/bench-estimators} found, as a document and as numbers. */
final class EstimatorReport {
  // VEE'11, tables 2 and 3: the access-bit estimator, over its workloads.
  private static final double PAPER_COVERAGE = 0.96;
  private static final double PAPER_LEAST_PRECISION = 0.36;
  private static final double PAPER_MOST_PRECISION = 0.85;

  /** Its scanner: "less than a fifth of a percent" of a processor. */
  private static final double PAPER_CPU = 0.002;

  private final int rounds;
  private final int memoryMiB;
  private final Path work;
  private final double loadBefore = loadAverage();
  private final List<Estimate> estimates = new ArrayList<>();
  private final List<Overhead> overheads = new ArrayList<>();

  /**
   * @param work where images were written and read
   */
  EstimatorReport(int rounds, int memoryMiB, Path work) throws IOException {
    this.rounds = rounds;
    this.memoryMiB = memoryMiB;
    this.work = work;
  }

  private static double loadAverage() throws IOException {
    return Double.parseDouble(Files.readString(Path.of("/proc/loadavg")).split(" ", 2)[0]);
  }

  void add(Estimate estimate) {
    estimates.add(estimate);
  }

  void add(Overhead overhead) {
    overheads.add(overhead);
  }

  /** Writes estimators.md and estimators.json. */
  void write(Path folder) throws IOException {
    Map<String, Object> raw = new LinkedHashMap<>();
    raw.put("estimates", estimates.stream().map(Estimate::members).toList());
    raw.put("overheads", overheads.stream().map(Overhead::members).toList());
    Files.writeString(folder.resolve("estimators.json"), Json.pretty(raw));
    Files.writeString(folder.resolve("estimators.md"), text());
  }

  private String text() throws IOException {
    FileStore store = Files.getFileStore(work);
    StringBuilder text = new StringBuilder("# Estimators of the working set\n\n");
    text.append(
        String.format(
            Locale.ROOT,
            "`scripts/bench-estimators`, %s, %d processors, Linux %s, load average %.2f before and"
                + " %.2f after, images on %s, rounds: %d. Generated; every round is in"
                + " `estimators.json`. Guests of %d MiB, restored in %.0f s by the paper's rule.%n%n",
            LocalDate.now(ZoneOffset.UTC),
            Runtime.getRuntime().availableProcessors(),
            System.getProperty("os.version"),
            loadBefore,
            loadAverage(),
            store.type(),
            rounds,
            memoryMiB,
            Sweeps.sweepNs(256 * memoryMiB) / 1e9));
    text.append(HOW);
    appendFindings(text);
    text.append("\n## Coverage and precision\n");
    for (String guest : values(estimates, Estimate::guest)) {
      for (String does : values(estimates, Estimate::does)) {
        appendEstimates(text, guest, does);
      }
    }
    text.append("\n## What they cost\n\n").append(COST);
    appendOverheads(text);
    text.append(LIMITS);
    return text.toString();
  }

  private static final String HOW =
      """
      Two guests: a store in a process, all of whose touches can be seen; and a Linux in QEMU (software
      emulation) that walks over 3/32 of its memory at random and reads a page from anywhere for every other beat. As in VEE'11 everything lasts as
      long as its restore, a second for every 4,096 pages: a sweep, a live save, a recording, and the truth, which is every page
      that a clone of the saved guest touches in that time. *Coverage*: the share of it that an estimator found. *Precision*: the share of what it
      found that is touched. Medians over the rounds, with the least and the most.

      * **access bits**: three sweeps while the guest runs. *Exact* is told every first touch ([the process guest](../guests/process.md));
        *unmap and observe* is `rekindle scan`. `access-bit`: what the last sweep found, the paper's estimator; `ageing-8`: what any did; `clock`: as many
        pages as the last sweep found, chosen by CLOCK. In the paper: coverage 96 to 99 % at a precision of 36 to 85 %.
      * **writes, noted by the kernel**: the same sweeps of the process guest, but what it only reads is not seen (PAGEMAP_SCAN).
      * **memory trace, reads and writes**: the paper's lazy save with tracing (there: coverage 99.2 to 99.9 % at a precision of 99.7 to 100 %).
        **Write trace of a live save**: `save --live` of QEMU.
      * **recordings**: what clones touched that were recorded one after the other, alone and merged as by `record --merge`.

      """;

  private static final String COST =
      """
      In turns with and without, in one run of each guest. *Longer*: how much more time the guest's work takes meanwhile (beats a second without,
      to with). *Processor*: the share of one that the observing program takes, less what it takes while it only listens; in a live save it
      writes the image too.

      """;

  private static final String LIMITS =
      """

      ## Threats

      * The guests are small and their loads synthetic; a hot set that is wanted at random is easier to foresee than phases are.
      * The clock tells when a truth ends: a guest that runs slower touches less. Whatever else was on the machine moves that, see the load average.
      * A scan of the process guest by unmap and observe has groups of reads as every memory file has; a kernel that maps single pages
        (`fault_around_bytes`) would have it nearly exact.
      * The exact scan is an instrument. Another process answers each of its faults, so what it costs says nothing of access bits in hardware.
      * VEE'11 scanned page tables of hardware in the hypervisor, on guests of 1 GB with real programs. The evaluation with real programs
        is in [restores.md](restores.md).
      """;

  private void appendFindings(StringBuilder text) {
    text.append("## What holds, and what does not\n\n");
    for (String guest : values(estimates, Estimate::guest)) {
      for (String does : values(estimates, Estimate::does)) {
        List<String> good = new ArrayList<>();
        List<String> imprecise = new ArrayList<>();
        List<String> incomplete = new ArrayList<>();
        for (String estimator : estimators(guest, does)) {
          double coverage = coverage(guest, does, estimator).median();
          double precision = precision(guest, does, estimator).median();
          (coverage < PAPER_COVERAGE
                  ? incomplete
                  : precision <= PAPER_MOST_PRECISION ? imprecise : good)
              .add(estimator);
        }
        if (!good.isEmpty() || !imprecise.isEmpty() || !incomplete.isEmpty()) {
          text.append(
              "* **%s; then %s.** Coverage of at least the paper's 96 %% with more than its best precision, 85 %%: %s. As much coverage, but no more precision: %s. Less coverage: %s.%n"
                  .formatted(guest, does, list(good), list(imprecise), list(incomplete)));
        }
      }
    }
    for (String guest : values(overheads, Overhead::guest)) {
      for (String estimator : estimatorsOf(guest)) {
        Spread cpu = spread(guest, estimator, Overhead::cpuShare);
        text.append("* **%s, %s** ".formatted(guest, estimator));
        if (estimator.startsWith("access bits")) {
          text.append(
              String.format(
                  Locale.ROOT,
                  "takes %.2f %% of a processor (the paper: less than 0.2 %%; %s here) and ",
                  100 * cpu.median(),
                  cpu.median() < PAPER_CPU ? "so it is" : "**not so**"));
        }
        text.append(slowdown(spread(guest, estimator, Overhead::slowdown))).append(".\n");
        List<Double> more = moreFaults(guest, estimator);
        if (!more.isEmpty()) {
          text.append(
              String.format(
                  Locale.ROOT,
                  "  Seeing reads takes %.0f %% more faults than seeing writes alone (the paper's traces: 31 %% more for SPECjbb, 77 %% for MPlayer).%n",
                  100 * Objects.requireNonNull(Spread.of(more)).median()));
        }
      }
    }
  }

  /** Rounds that go both ways tell nothing. */
  private static String slowdown(Spread longer) {
    return longer.min() > 0
        ? String.format(
            Locale.ROOT, "makes the guest's work take %.1f %% longer", 100 * longer.median())
        : String.format(
            Locale.ROOT,
            "slows the guest by no more than the rounds differ (%.1f to %.1f %%)",
            100 * longer.min(),
            100 * longer.max());
  }

  private static String list(List<String> estimators) {
    return estimators.isEmpty() ? "none" : String.join("; ", estimators);
  }

  private void appendEstimates(StringBuilder text, String guest, String does) {
    Set<String> estimators = estimators(guest, does);
    if (estimators.isEmpty()) {
      return;
    }
    List<Estimate> rows =
        estimates.stream().filter(e -> e.guest().equals(guest) && e.does().equals(does)).toList();
    text.append(
        String.format(
            Locale.ROOT,
            "%n### %s; then %s%n%nIt touches %,.0f pages.%n%n| estimator | pages | coverage | precision | precision of the paper's, 36 to 85 %% |%n| --- | --- | --- | --- | --- |%n",
            guest,
            does,
            spread(rows, row -> (double) row.score().touched()).median()));
    for (String estimator : estimators) {
      Spread precision = precision(guest, does, estimator);
      text.append(
          String.format(
              Locale.ROOT,
              "| %s | %,.0f | %s | %s | %s |%n",
              estimator,
              spread(rowsOf(guest, does, estimator), row -> (double) row.score().prefetched())
                  .median(),
              percent(coverage(guest, does, estimator)),
              percent(precision),
              precision.median() > PAPER_MOST_PRECISION
                  ? "above"
                  : precision.median() < PAPER_LEAST_PRECISION ? "below" : "within"));
    }
  }

  private void appendOverheads(StringBuilder text) {
    text.append("| guest | estimator | beats/s without | with | longer | processor |\n");
    text.append("| --- | --- | --- | --- | --- | --- |\n");
    for (String guest : values(overheads, Overhead::guest)) {
      for (String estimator : estimatorsOf(guest)) {
        text.append(
            String.format(
                Locale.ROOT,
                "| %s | %s | %.1f | %.1f | %s | %s |%n",
                guest,
                estimator,
                spread(guest, estimator, o -> o.without().beatsPerSecond()).median(),
                spread(guest, estimator, o -> o.with().beatsPerSecond()).median(),
                percent(spread(guest, estimator, Overhead::slowdown)),
                percent(spread(guest, estimator, Overhead::cpuShare))));
      }
    }
  }

  private static String percent(Spread share) {
    return String.format(
        Locale.ROOT,
        "%.1f %% (%.1f–%.1f)",
        100 * share.median(),
        100 * share.min(),
        100 * share.max());
  }

  private static <T> Set<String> values(List<T> rows, Function<T, String> part) {
    return rows.stream().map(part).collect(Collectors.toCollection(LinkedHashSet::new));
  }

  private Set<String> estimators(String guest, String does) {
    return values(
        estimates.stream().filter(e -> e.guest().equals(guest) && e.does().equals(does)).toList(),
        Estimate::estimator);
  }

  private Set<String> estimatorsOf(String guest) {
    return values(
        overheads.stream().filter(o -> o.guest().equals(guest)).toList(), Overhead::estimator);
  }

  private List<Estimate> rowsOf(String guest, String does, String estimator) {
    return estimates.stream()
        .filter(e ->
            e.guest().equals(guest) && e.does().equals(does) && e.estimator().equals(estimator))
        .toList();
  }

  private Spread coverage(String guest, String does, String estimator) {
    return spread(rowsOf(guest, does, estimator), row -> row.score().coverage());
  }

  private Spread precision(String guest, String does, String estimator) {
    return spread(rowsOf(guest, does, estimator), row -> row.score().precision());
  }

  private List<Double> moreFaults(String guest, String estimator) {
    return overheads.stream()
        .filter(o -> o.guest().equals(guest) && o.estimator().equals(estimator))
        .map(Overhead::moreFaults)
        .filter(Objects::nonNull)
        .toList();
  }

  private Spread spread(String guest, String estimator, Function<Overhead, Double> value) {
    return spread(
        overheads.stream()
            .filter(o -> o.guest().equals(guest) && o.estimator().equals(estimator))
            .toList(),
        value);
  }

  private static <T> Spread spread(List<T> rows, Function<T, Double> value) {
    return Objects.requireNonNull(Spread.of(rows.stream().map(value).toList()));
  }
}
