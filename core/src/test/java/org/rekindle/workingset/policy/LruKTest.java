package org.rekindle.workingset.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Ranking;

class LruKTest {
  private static AccessTrace trace(int savedAt, Object... touches) {
    AccessTrace.Builder trace = AccessTrace.of(Touches.LETTERS);
    for (int i = 0; i < touches.length; i += 2) {
      trace.touch(((String) touches[i]).charAt(0) - 'A', (Integer) touches[i + 1], Access.READ);
    }
    return trace.savedAt(savedAt);
  }

  // The paper, section 2.1 and figure 2.1: K = 2, correlated within 5, saved at 40.
  //
  //   page  touches    bursts         HIST(1)  HIST(2)                    LAST
  //    A    0 3 20     [0 3] [20]       20     0 + (3 - 0) = 3             20
  //    B    10 30      [10] [30]        30     10                          30
  //    C    25         [25]             25     none: distance infinite     25
  //    D    34 38      [34 38]          34     none                        38   in its burst
  //    E    12 37      [12] [37]        37     12                          37   in its burst
  //    F    2 22       [2] [22]         22     2                           22
  //
  // In a burst: E, then D. Not: B (10), A (3), F (2), C. Were the length of A's burst not taken
  // out,
  // A's second reference would be at 0 and F before A.
  @Test
  void distanceIsToTheSecondLastBurst() {
    AccessTrace trace =
        trace(
            40, "A", 0, "F", 2, "A", 3, "B", 10, "E", 12, "A", 20, "F", 22, "C", 25, "B", 30, "D",
            34, "E", 37, "D", 38);
    Ranking ranking = new LruK(2, 5, 200).rank(trace);
    assertThat(Touches.letters(ranking)).isEqualTo("E D B A F C");
    assertThat(ranking.setSize()).isEqualTo(6);
  }

  // Retained for 20 after the last touch, saved at 60.
  //
  //    A    0 15 30 45   never forgotten      HIST(2) 30
  //    B    0 30 50      forgotten at 20, new at 30: HIST(2) 30, by recency before A
  //    C    10 44        forgotten at 30, new at 44: infinite
  //    D    20 30        forgotten at 50: last, although its distance was finite
  @Test
  void whatIsNotRetainedIsForgotten() {
    AccessTrace trace =
        trace(
            60, "A", 0, "B", 0, "C", 10, "A", 15, "D", 20, "A", 30, "B", 30, "D", 30, "C", 44, "A",
            45, "B", 50);
    Ranking ranking = new LruK(2, 5, 20).rank(trace);
    assertThat(Touches.letters(ranking)).isEqualTo("B A C D");
    assertThat(ranking.setSize()).isEqualTo(3);
  }

  @Test
  void thePublishedPeriodsAreInSeconds() {
    assertThat(LruK.asPublished()).isEqualTo(new LruK(2, 5_000_000_000L, 200_000_000_000L));
  }

  @Test
  void lruOneIsRecency() {
    for (int run = 0; run < 200; run++) {
      int seed = 700 + run;
      AccessTrace trace = Touches.random(new Random(seed));
      assertThat(new LruK(1, 0, Long.MAX_VALUE).rank(trace).pages())
          .as("seed %d", seed)
          .isEqualTo(PageOrder.byRecency(trace));
    }
  }

  /** A page by the definitions of section 2.1, from the list of all its touches. */
  private static final class Reference {
    final int page;
    final List<Long> touches = new ArrayList<>();
    int lastTouch; // its number in the trace

    Reference(int page) {
      this.page = page;
    }

    long lastNs() {
      return touches.getLast();
    }

    /** Those after the last gap in which all was forgotten, as bursts (begin, end). */
    List<long[]> bursts(LruK policy) {
      List<long[]> bursts = new ArrayList<>();
      for (int i = 0; i < touches.size(); i++) {
        long gapNs = i == 0 ? 0 : touches.get(i) - touches.get(i - 1);
        if (i > 0 && gapNs > policy.retainedNs()) {
          bursts.clear();
        }
        if (bursts.isEmpty() || gapNs > policy.correlatedNs()) {
          bursts.add(new long[] {touches.get(i), touches.get(i)});
        } else {
          bursts.getLast()[1] = touches.get(i);
        }
      }
      return bursts;
    }

    /** Where the K-th last reference would be if all bursts but the last had no length. */
    long kthNs(LruK policy) {
      List<long[]> bursts = bursts(policy);
      int kth = bursts.size() - policy.k();
      if (kth < 0) {
        return Long.MIN_VALUE;
      }
      long atNs = bursts.get(kth)[0];
      for (int i = kth; i < bursts.size() - 1; i++) {
        atNs += bursts.get(i)[1] - bursts.get(i)[0];
      }
      return atNs;
    }
  }

  @Test
  void rankingEqualsTheDefinition() {
    for (int run = 0; run < 400; run++) {
      int seed = 900 + run;
      Random random = new Random(seed);
      AccessTrace trace = Touches.random(random);
      int correlatedNs = random.nextInt(20);
      LruK policy =
          new LruK(1 + random.nextInt(4), correlatedNs, correlatedNs + random.nextInt(200));
      List<Reference> pages = new ArrayList<>();
      for (int i = 0; i < trace.memoryPages(); i++) {
        pages.add(new Reference(i));
      }
      for (int touch = 0; touch < trace.size(); touch++) {
        pages.get(trace.page(touch)).touches.add(trace.atNs(touch));
        pages.get(trace.page(touch)).lastTouch = touch;
      }
      pages.removeIf(page -> page.touches.isEmpty());
      Comparator<Reference> recency = Comparator.comparingInt(page -> -page.lastTouch);
      Comparator<Reference> distance =
          Comparator.<Reference>comparingLong(page -> -Math.max(page.kthNs(policy), -1))
              .thenComparing(recency);
      List<Reference> expected = new ArrayList<>();
      long endNs = trace.endNs();
      pages.stream()
          .filter(page -> endNs - page.lastNs() <= policy.correlatedNs())
          .sorted(distance)
          .forEach(expected::add);
      pages.stream()
          .filter(page -> endNs - page.lastNs() > policy.correlatedNs())
          .filter(page -> endNs - page.lastNs() <= policy.retainedNs())
          .sorted(distance)
          .forEach(expected::add);
      int retained = expected.size();
      pages.stream()
          .filter(page -> endNs - page.lastNs() > policy.retainedNs())
          .sorted(recency)
          .forEach(expected::add);
      Ranking ranking = policy.rank(trace);
      assertThat(ranking.pages())
          .as("%s, seed %d", policy, seed)
          .isEqualTo(expected.stream().mapToInt(page -> page.page).toArray());
      assertThat(ranking.setSize()).as("%s, seed %d", policy, seed).isEqualTo(retained);
    }
  }

  @Test
  void periodsThatContradictEachOtherAreRefused() {
    assertThatThrownBy(() -> new LruK(0, 1, 2)).hasMessageContaining("no LRU-K");
    assertThatThrownBy(() -> new LruK(2, 3, 2)).hasMessageContaining("no LRU-K");
  }
}
