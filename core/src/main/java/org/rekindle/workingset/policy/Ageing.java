package org.rekindle.workingset.policy;

import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Ranking;
import org.rekindle.workingset.Sweeps;

/*
 * Ageing, also k-bit CLOCK (Corbato, "A paging experiment with the Multics system", 1969, as
 * generalised there). Each page has a shift register of k bits. Each sweep shifts all of them right
 * and puts the page's access bit in at the left:
 *
 *     h(p) <- a(p) << (k - 1)  |  h(p) >> 1
 *
 * Pages are ordered by h as a number, so the newest sweep counts more than all before it together,
 * and among pages that it found, the sweep before decides. The set is h != 0: the pages that one of
 * the last k sweeps found. Where registers are equal (0, above all), recency decides, then the
 * page's number.
 *
 * With k = 1 this is the access-bit estimator of VEE'11 (section 4.1.1), which calls it a simplified
 * CLOCK: no hand looks for a victim, the set is what the last sweep found. Its sweep lasts one
 * restore. Eight bits are what textbooks use.
 *
 * For restore. One bit is a working set seen coarsely and costs next to nothing to watch. More bits
 * tell pages that every sweep finds from pages of one sweep, so a budget smaller than one sweep's
 * finds is spent on what is in steady use: more precision, if the budget is tight.
 *
 * How it fails. One bit over a long sweep takes everything in: VEE'11 prefetched 83,471 pages of
 * SPECjbb, of which 36 % were used. A shorter sweep misses what the guest uses rarely. With more
 * bits the order is only as good as the sweeps are alike: a guest that was idle for a sweep loses
 * the order between its pages' older bits no slower than one that worked.
 */

/**
 * Shift registers of access bits.
 *
 * @param bits k, 1 to 63
 * @param sweepNs time between sweeps, where the observation is a trace; sweeps are taken as they
 *     are
 */
public record Ageing(int bits, long sweepNs) implements RankingPolicy {
  /** What textbooks use. */
  public static final int USUAL_BITS = 8;

  public Ageing {
    if (bits < 1 || bits > 63) {
      throw new IllegalArgumentException("an ageing register has 1 to 63 bits, not " + bits);
    }
    if (sweepNs <= 0) {
      throw new IllegalArgumentException("sweeps need time between them, not " + sweepNs + " ns");
    }
  }

  /** The access-bit estimator of VEE'11. */
  public static Ageing oneBit(long sweepNs) {
    return new Ageing(1, sweepNs);
  }

  @Override
  public String name() {
    return bits == 1 ? "access-bit" : "ageing-" + bits;
  }

  @Override
  public Ranking rank(AccessTrace trace) {
    return rank(trace.sweeps(sweepNs));
  }

  @Override
  public Ranking rank(Sweeps sweeps) {
    // Registers are shifted when they are looked at: each holds its page's history as of the sweep
    // that found the page last.
    long[] registers = new long[sweeps.memoryPages()];
    int[] lastSweep = new int[sweeps.memoryPages()];
    PageOrder seen = new PageOrder();
    for (int sweep = 0; sweep < sweeps.size(); sweep++) {
      for (int page : sweeps.pages(sweep)) {
        registers[page] = aged(registers[page], sweep - lastSweep[page]) | 1L << (bits - 1);
        lastSweep[page] = sweep;
        seen.add(page);
      }
    }
    int[] pages = seen.ranking(0).pages();
    int setSize = 0;
    for (int page : pages) {
      registers[page] = aged(registers[page], sweeps.size() - 1 - lastSweep[page]);
      setSize += registers[page] == 0 ? 0 : 1;
    }
    int[] sorted =
        PageOrder.sorted(
            pages,
            (a, b) -> {
              int byRegister = Long.compare(registers[b], registers[a]);
              int byRecency = Integer.compare(lastSweep[b], lastSweep[a]);
              return byRegister != 0
                  ? byRegister
                  : byRecency != 0 ? byRecency : Integer.compare(a, b);
            });
    return new Ranking(sorted, setSize);
  }

  private static long aged(long register, int sweeps) {
    return sweeps > 63 ? 0 : register >>> sweeps;
  }
}
