package org.rekindle.lab.paper;

import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.function.LongFunction;
import org.rekindle.lab.simulator.SimulatedRestore;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.Score;

/**
 * A row of VEE'11's tables 2 (MPlayer) and 3 (SPECjbb).
 *
 * @param prefetched pages of the set; 0 for a lazy restore
 * @param used those of them that the guest touched
 * @param askedFor pages that the guest waited for
 */
record PublishedCount(
    String restore, LongFunction<PaperWorkload> workload, int prefetched, int used, int askedFor) {
  /*
   * The set of the access bits is made to have the paper's coverage and precision: so much of what
   * is touched, and pages that are not. What the simulation adds is how many faults that leaves. A fault
   * counts if it waited for the disk: a millisecond is more than all else that it waits for, and less than
   * any read.
   */
  private static final long DISK_NS = 1_000_000;

  static final List<PublishedCount> ALL =
      List.of(
          new PublishedCount("MPlayer, lazy", PaperWorkload::mplayer, 0, 0, 1_548),
          new PublishedCount("MPlayer, access bits", PaperWorkload::mplayer, 10_114, 8_617, 343),
          new PublishedCount("MPlayer, trace", PaperWorkload::mplayer, 10_113, 10_084, 84),
          new PublishedCount("SPECjbb, lazy", PaperWorkload::specjbb, 0, 0, 1_623),
          new PublishedCount("SPECjbb, access bits", PaperWorkload::specjbb, 83_471, 30_501, 442),
          new PublishedCount("SPECjbb, trace", PaperWorkload::specjbb, 47_082, 47_082, 47));

  /** The same of a simulated guest, on the disk with far seeks. */
  PublishedCount simulated(PaperWorkload guest) {
    Profile set = set(guest);
    Strategy strategy = prefetched == 0 ? Strategy.LAZY : Strategy.WORKING_SET;
    SimulatedRestore run = new PaperSetup(PaperSetup.FAR_SEEKS).restore(guest, strategy, set);
    BitSet touched = new BitSet();
    for (int page : guest.touches().pages()) {
      touched.set(page);
    }
    int hits = 0;
    for (int page : set.pages()) {
      hits += prefetched > 0 && touched.get(page) ? 1 : 0;
    }
    long waited =
        run.stalls().stream().filter(stall -> stall.endNs() - stall.beginNs() >= DISK_NS).count();
    return new PublishedCount(
        restore, workload, prefetched == 0 ? 0 : set.size(), hits, (int) waited);
  }

  private Profile set(PaperWorkload guest) {
    Profile known = guest.workingSet();
    if (prefetched == 0 || prefetched == known.size()) {
      return known;
    }
    Score score = new Score(prefetched, used, used + askedFor);
    Profile kept = WrongSet.kept(known, score.coverage(), guest.seed());
    BitSet others = new BitSet();
    others.set(0, PaperWorkload.GUEST_PAGES);
    for (int page : guest.touches().pages()) {
      others.clear(page);
    }
    int wrong = (int) (kept.size() / score.precision()) - kept.size();
    return WrongSet.widened(kept, others, wrong, guest.seed());
  }

  void row(StringBuilder text, String name) {
    Score score = new Score(prefetched, used, used + askedFor);
    boolean isLazy = prefetched == 0;
    text.append(
        String.format(
            Locale.ROOT,
            "| %s | %,d | %,d | %,d | %s | %s |%n",
            name,
            prefetched,
            used,
            askedFor,
            isLazy ? "" : String.format(Locale.ROOT, "%.1f %%", 100 * score.coverage()),
            isLazy ? "" : String.format(Locale.ROOT, "%.1f %%", 100 * score.precision())));
  }
}
