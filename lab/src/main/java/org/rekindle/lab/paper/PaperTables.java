package org.rekindle.lab.paper;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.LongFunction;
import java.util.function.ToLongFunction;
import java.util.stream.LongStream;
import org.rekindle.lab.simulator.Oracle;
import org.rekindle.lab.simulator.SimulatedRestore;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Profile;

/**
 * The paper's figures beside simulated ones, as tables in Markdown: medians over {@link #SEEDS}
 * guests of each shape. The same program makes the same figures.
 */
public final class PaperTables {
  /** Guests of each shape; odd, so that the median is one of them. */
  static final int SEEDS = 5;

  private static final String BEGIN = "<!-- tables of scripts/simulate-paper -->\n";
  private static final String END = "<!-- end of tables -->\n";
  private static final long WINDOW_NS = 1_000_000_000;
  private static final String HEAD =
      "| u = |%s end |\n| --- |%s --- |\n"
          .formatted(
              Arrays.stream(PublishedCurve.UTILISATIONS)
                  .mapToObj(u -> " " + u + " |")
                  .reduce("", String::concat),
              " --- |".repeat(PublishedCurve.UTILISATIONS.length));

  private final StringBuilder text = new StringBuilder();

  private PaperTables() {}

  /** Puts the tables into a document, between the lines that say so. */
  public static void main(String[] args) throws IOException {
    Path document = Path.of(args[0]);
    String now = Files.readString(document);
    int begin = now.indexOf(BEGIN);
    int end = now.indexOf(END);
    if (begin < 0 || end < begin) {
      throw new IllegalArgumentException(
          document + " has no lines " + BEGIN + " and " + END + " for the tables to go between");
    }
    Files.writeString(
        document, now.substring(0, begin + BEGIN.length()) + "\n" + all() + now.substring(end));
  }

  /** All tables. */
  public static String all() {
    PaperTables tables = new PaperTables();
    tables.windows();
    tables.compare("idle", PaperWorkload::idle, Map.of("lazy", lazy()));
    tables.compare("SPECjbb", PaperWorkload::specjbb, lazyAndWorkingSet());
    tables.compare("MPlayer", PaperWorkload::mplayer, lazyAndWorkingSet());
    tables.partial();
    tables.counts();
    for (int percent = 20; percent <= 80; percent += 20) {
      double share = percent / 100.0;
      tables.compare(
          "random " + percent + " %",
          seed -> PaperWorkload.random(share, seed),
          lazyAndWorkingSet());
    }
    return tables.text.toString();
  }

  /** One restore of a guest. */
  private interface Kind {
    SimulatedRestore of(PaperSetup setup, PaperWorkload workload);
  }

  private static Kind lazy() {
    return (setup, workload) -> setup.restore(workload, Strategy.LAZY, workload.workingSet());
  }

  private static Kind workingSet() {
    return (setup, workload) ->
        setup.restore(workload, Strategy.WORKING_SET, workload.workingSet());
  }

  private static Map<String, Kind> lazyAndWorkingSet() {
    Map<String, Kind> kinds = new LinkedHashMap<>();
    kinds.put("lazy", lazy());
    kinds.put("working set", workingSet());
    return kinds;
  }

  private void compare(
      String name, LongFunction<PaperWorkload> workload, Map<String, Kind> published) {
    PaperWorkload[] guests = guests(workload);
    text.append("### ").append(name).append("\n\n").append(HEAD);
    published.forEach((kind, restore) -> both(name + ", " + kind, guests, restore));
    simulated("adaptive (ours)", guests, (setup, each) -> setup.adaptive(each, each.workingSet()));
    limits(guests);
    text.append('\n');
  }

  /** The paper's figure 2: one restore in three windows. */
  private void windows() {
    PaperWorkload[] guests = guests(PaperWorkload::idle);
    text.append("### idle, lazy, in three windows\n\n").append(HEAD);
    for (double seconds : new double[] {0.1, 1, 10}) {
      String name = String.format(Locale.ROOT, "windows of %.1f s", seconds);
      published("idle, lazy, " + name, name);
      simulated(name, guests, lazy(), (long) (seconds * 1e9));
    }
    text.append('\n');
  }

  /** The paper's tables 2 and 3: how many pages came how. */
  private void counts() {
    text.append("### Pages that were prefetched, and pages that were waited for\n\n");
    text.append("| restore | prefetched | of these touched | asked for | coverage | precision |\n");
    text.append("| --- | --- | --- | --- | --- | --- |\n");
    for (PublishedCount published : PublishedCount.ALL) {
      published.row(text, published.restore() + ", paper");
      PaperWorkload[] guests = guests(published.workload());
      PublishedCount[] counts =
          Arrays.stream(guests).map(published::simulated).toArray(PublishedCount[]::new);
      new PublishedCount(
              published.restore(),
              published.workload(),
              (int) median(i -> counts[i].prefetched()),
              (int) median(i -> counts[i].used()),
              (int) median(i -> counts[i].askedFor()))
          .row(text, published.restore() + ", simulated");
    }
    text.append('\n');
  }

  /** The paper's figure 8, and the same for ours. */
  private void partial() {
    PaperWorkload[] guests = guests(PaperWorkload::mplayer);
    text.append("### MPlayer, with a random part of its working set\n\n").append(HEAD);
    for (int percent : new int[] {95, 90, 50}) {
      double share = percent / 100.0;
      both(
          "MPlayer, " + percent + " % of the set",
          guests,
          (setup, each) -> setup.restore(each, Strategy.WORKING_SET, kept(each, share)));
      simulated(
          "adaptive, " + percent + " %",
          guests,
          (setup, each) -> setup.adaptive(each, kept(each, share)));
    }
    simulated(
        "adaptive, another guest's set",
        guests,
        (setup, each) -> setup.adaptive(each, PaperWorkload.mplayer(each.seed() + 1).workingSet()));
    simulated(
        "adaptive, no set",
        guests,
        (setup, each) -> setup.adaptive(each, each.workingSet().first(0)));
    text.append('\n');
  }

  private static Profile kept(PaperWorkload workload, double share) {
    return WrongSet.kept(workload.workingSet(), share, workload.seed());
  }

  private static PaperWorkload[] guests(LongFunction<PaperWorkload> workload) {
    return LongStream.rangeClosed(1, SEEDS)
        .mapToObj(seed -> workload.apply(1000 * seed))
        .toArray(PaperWorkload[]::new);
  }

  private void both(String restore, PaperWorkload[] guests, Kind kind) {
    published(restore, restore);
    simulated(restore, guests, kind);
  }

  private void published(String curve, String name) {
    text.append("| ").append(name).append(", paper |");
    for (Double seconds : PublishedCurve.of(curve).seconds()) {
      text.append(' ').append(seconds.isNaN() ? "?" : tenths(seconds)).append(" |");
    }
    text.append(" |\n");
  }

  private void simulated(String restore, PaperWorkload[] guests, Kind kind) {
    simulated(restore, guests, kind, WINDOW_NS);
  }

  private void simulated(String restore, PaperWorkload[] guests, Kind kind, long windowNs) {
    forEachDisk((seeks, setup) -> {
      SimulatedRestore[] restores =
          Arrays.stream(guests)
              .map(guest -> kind.of(setup, guest))
              .toArray(SimulatedRestore[]::new);
      var curves = Arrays.stream(restores).map(each -> each.ttr(windowNs)).toList();
      row(
          restore + ", " + seeks,
          u -> median(i -> curves.get(i).ttrNs(u)),
          median(i -> restores[i].timeline().lastStallEndNs()));
    });
  }

  /** Eager and the oracle read in one go: where the arm comes from makes no difference. */
  private void limits(PaperWorkload[] guests) {
    PaperSetup setup = new PaperSetup(PaperSetup.FAR_SEEKS);
    SimulatedRestore[] eager =
        Arrays.stream(guests)
            .map(each -> setup.restore(each, Strategy.EAGER, each.workingSet()))
            .toArray(SimulatedRestore[]::new);
    row(
        "eager",
        u -> median(i -> eager[i].ttr(WINDOW_NS).ttrNs(u)),
        median(i -> eager[i].timeline().lastStallEndNs()));
    Oracle[] oracles = Arrays.stream(guests).map(setup::oracle).toArray(Oracle[]::new);
    row(
        "oracle",
        u -> median(i -> oracles[i].ttrNs(WINDOW_NS, u)),
        median(i -> oracles[i].startNs()));
  }

  private static void forEachDisk(BiConsumer<String, PaperSetup> action) {
    action.accept("near seeks", new PaperSetup(PaperSetup.NEAR_SEEKS));
    action.accept("far seeks", new PaperSetup(PaperSetup.FAR_SEEKS));
  }

  private interface Ttr {
    long ns(double utilisation);
  }

  private void row(String restore, Ttr ttr, long endNs) {
    text.append("| ").append(restore).append(" |");
    for (double u : PublishedCurve.UTILISATIONS) {
      text.append(' ').append(tenths(ttr.ns(u) / 1e9)).append(" |");
    }
    text.append(' ').append(tenths(endNs / 1e9)).append(" |\n");
  }

  private static long median(ToLongFunction<Integer> value) {
    long[] sorted = new long[SEEDS];
    Arrays.setAll(sorted, value::applyAsLong);
    Arrays.sort(sorted);
    return sorted[SEEDS / 2];
  }

  private static String tenths(double seconds) {
    return String.format(Locale.ROOT, "%.1f", seconds);
  }
}
