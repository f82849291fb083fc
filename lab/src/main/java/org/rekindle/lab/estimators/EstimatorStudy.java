package org.rekindle.lab.estimators;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.rekindle.image.Image;
import org.rekindle.image.MemoryMap;
import org.rekindle.lab.CloneRecording;
import org.rekindle.lab.GuestKit;
import org.rekindle.lab.HeartbeatWatch;
import org.rekindle.scan.AccessScan;
import org.rekindle.scan.Scan;
import org.rekindle.workingset.MergeRule;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.Ranking;
import org.rekindle.workingset.ScoreCurve;
import org.rekindle.workingset.Sweeps;
import org.rekindle.workingset.policy.Ageing;
import org.rekindle.workingset.policy.Clock;
import org.rekindle.workingset.policy.RankingPolicy;

/*
 * Everything lasts as long as the paper's restore, a second for every 4096 pages: a sweep, the live save, a recording,
 * and the truth. A guest runs; it is scanned in each way, one after the other, in another order every round; it is
 * saved while it runs; it ends. Then clones of that image are recorded, and last those that tell the truth: all pages
 * that a clone touches in that time. (On demand, with the image in the page cache, it loses a few percent of it to waiting.)
 *
 * How it could deceive. A scan that was made first is older than the other by the time of the save: hence the order. Clones
 * of a QEMU guest do nearly the same each time, because its workload does; clones of the process guest are recorded
 * with requests of which neither truth knows, so its recordings are the harder case.
 */

/** How well estimators foresee what a saved guest touches. */
final class EstimatorStudy {
  /** The last one is the estimate; the others are history for the policies that look back. */
  private static final int SWEEPS = 3;

  private static final int RECORDINGS = 3;

  private final EstimatedGuest guest;
  private final Path image;

  /**
   * @param image where the guest is saved; deleted afterwards
   */
  EstimatorStudy(EstimatedGuest guest, Path image) {
    this.guest = guest;
    this.image = image;
  }

  List<Estimate> round(int round) throws IOException, InterruptedException {
    try {
      Map<String, Scan> scans = new TreeMap<>();
      EstimatedGuest.LiveSave live;
      long sweepNs;
      try (EstimatedGuest.Running running = guest.start()) {
        sweepNs = Sweeps.sweepNs(running.memory().pages());
        HeartbeatWatch.letRun(running.console(), sweepNs);
        List<EstimatedGuest.Scanner> scanners = new ArrayList<>(running.scanners());
        Collections.rotate(scanners, round);
        for (EstimatedGuest.Scanner scanner : scanners) {
          scans.put(scanner.title(), scan(running, scanner, sweepNs));
        }
        live = running.saveLive(image);
      }
      List<Profile> recordings = new ArrayList<>();
      for (int number = 0; number < RECORDINGS; number++) {
        recordings.add(record(guest.recorded(RECORDINGS * round + number), sweepNs));
      }
      Map<String, int[]> sets = sets(scans, live, recordings);
      List<Estimate> estimates = new ArrayList<>();
      for (EstimatedGuest.Clone truth : guest.truths()) {
        int[] touched = record(truth, sweepNs).pages();
        sets.forEach((estimator, pages) ->
            estimates.add(
                new Estimate(
                    guest.title(),
                    round,
                    truth.does(),
                    estimator,
                    new ScoreCurve(new Ranking(pages, pages.length), touched).ofSet())));
      }
      return estimates;
    } finally {
      GuestKit.delete(image);
    }
  }

  private static Scan scan(
      EstimatedGuest.Running running, EstimatedGuest.Scanner scanner, long sweepNs)
      throws IOException, InterruptedException {
    try (var observer = scanner.opening().open()) {
      return new AccessScan(observer, running.memory()).run(SWEEPS, sweepNs, (_, _) -> {});
    }
  }

  private Profile record(EstimatedGuest.Clone clone, long runningNs) throws IOException {
    return CloneRecording.record(clone.subject(), image, clone.purpose(), runningNs, (_, _) -> {});
  }

  /** What each takes for the working set, by the numbers that pages have in the image. */
  private Map<String, int[]> sets(
      Map<String, Scan> scans, EstimatedGuest.LiveSave live, List<Profile> recordings)
      throws IOException {
    Map<String, int[]> sets = new LinkedHashMap<>();
    try (Image saved = Image.open(image)) {
      MemoryMap memory = saved.memory();
      scans.forEach((scanner, scan) -> {
        int firstPage = memory.firstPage(memory.indexOf(scan.region()));
        Sweeps sweeps = scan.sweeps();
        long everyNs = Sweeps.sweepNs(sweeps.memoryPages());
        for (RankingPolicy policy :
            List.of(
                Ageing.oneBit(everyNs),
                new Ageing(Ageing.USUAL_BITS, everyNs),
                new Clock(Math.max(1, sweeps.found(sweeps.size() - 1))))) {
          sets.put(scanner + ": " + policy.name(), set(policy.rank(sweeps), firstPage));
        }
      });
    }
    sets.put(live.title(), live.touched().pages());
    sets.put("recording of one restore", recordings.getLast().pages());
    for (MergeRule rule : List.of(MergeRule.UNION, MergeRule.INTERSECTION, MergeRule.VOTE)) {
      sets.put(
          "%d recordings, %s".formatted(recordings.size(), rule), rule.merge(recordings).pages());
    }
    return sets;
  }

  private static int[] set(Ranking ranking, int firstPage) {
    return Arrays.stream(ranking.pages())
        .limit(ranking.setSize())
        .map(page -> firstPage + page)
        .toArray();
  }
}
