package org.rekindle.lab.evaluation;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageStore;
import org.rekindle.lab.simulator.HostCosts;
import org.rekindle.lab.simulator.ImageLayout;
import org.rekindle.lab.simulator.Simulation;
import org.rekindle.lab.simulator.ThrottledDisk;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.Ranking;
import org.rekindle.workingset.Score;
import org.rekindle.workingset.ScoreCurve;
import org.rekindle.workingset.policy.Oracle;
import org.rekindle.workingset.policy.RankingPolicy;

/*
 * Which order of pages is the best for a restore? Every policy ranks the same lookback, once as a trace
 * and once as sweeps; the budget is a share of what the guest really touched; and the
 * first so many pages are prefetched, on the simulated disk of the experiments, by the paper's strategy and by
 * ours.
 *
 * Coverage and precision do not tell it all: two sets of equal score differ in when their pages are
 * wanted, in how they lie, and in what a miss costs while the fill is under way. So TTR decides.
 */

/** Ranking policies, judged by the restores that they make. */
final class PolicyStudy {
  /** Prefetch budgets, in percent of the pages that the restored guest touches. */
  static final List<Integer> BUDGETS = List.of(25, 50, 100, 150);

  private static final long SEED = 1;
  private static final long WINDOW_NS = 1_000_000_000;
  private static final double UTILISATION = 0.9;

  /** What a policy was shown. */
  enum Seen {
    TRACE,
    SWEEPS
  }

  private PolicyStudy() {}

  /**
   * One ranking at one budget.
   *
   * @param workingSetMs simulated TTR(1 s, 0.9) of the paper's strategy
   * @param adaptiveMs the same of ours
   */
  record Row(
      String guest,
      String policy,
      Seen seen,
      int budgetPercent,
      Score score,
      double workingSetMs,
      double adaptiveMs) {
    Map<String, @Nullable Object> members() {
      Map<String, @Nullable Object> members = new LinkedHashMap<>();
      members.put("guest", guest);
      members.put("policy", policy);
      members.put("seen", seen == Seen.TRACE ? "trace" : "sweeps");
      members.put("budgetPercent", budgetPercent);
      members.put("prefetchedPages", score.prefetched());
      members.put("usedPages", score.used());
      members.put("touchedPages", score.touched());
      members.put("workingSetTtrMs1s@0.9", workingSetMs);
      members.put("adaptiveTtrMs1s@0.9", adaptiveMs);
      return members;
    }
  }

  static List<Row> of(String guest, SavedGuest saved) throws IOException {
    Profile truth = saved.saved().truth();
    Simulation simulation = Simulation.on(ThrottledDisk.EXPERIMENTS, HostCosts.QEMU);
    List<Row> rows = new ArrayList<>();
    try (Image image = Image.open(saved.image())) {
      ImageLayout layout = ImageLayout.of(image);
      double storedShare = storedShare(image.base());
      for (int percent : BUDGETS) {
        int budget = Math.max(2, truth.size() * percent / 100);
        List<RankingPolicy> policies =
            new ArrayList<>(RankingPolicy.asPublished(image.memory().pages(), budget, SEED));
        policies.add(new Oracle(truth));
        for (RankingPolicy policy : policies) {
          for (Seen seen : Seen.values()) {
            Ranking ranking =
                seen == Seen.TRACE ? policy.rank(saved.lookback()) : policy.rank(saved.sweeps());
            ImageLayout prefetching =
                layout.with(ranking.profile(budget, policy.name()), storedShare);
            rows.add(
                new Row(
                    guest,
                    policy.name(),
                    seen,
                    percent,
                    new ScoreCurve(ranking, truth.pages()).at(budget),
                    ttrMs(simulation, prefetching, Strategy.WORKING_SET, truth),
                    ttrMs(simulation, prefetching, Strategy.ADAPTIVE, truth)));
          }
        }
      }
    }
    return rows;
  }

  private static double ttrMs(
      Simulation simulation, ImageLayout image, Strategy strategy, Profile touches) {
    return simulation
            .run(image, image.plan(strategy, Strategy.Options.DEFAULT), touches)
            .ttr(WINDOW_NS)
            .ttrNs(UTILISATION)
        / 1e6;
  }

  /** What compression leaves of a page, on average. */
  private static double storedShare(PageStore store) {
    long bytes = 0;
    long pages = 0;
    for (int block = 0; block < store.blocks(); block++) {
      bytes += store.storedBytes(block);
      pages += store.slots(block);
    }
    return Math.min(1, bytes / (double) (pages * MemoryMap.PAGE_BYTES));
  }
}
