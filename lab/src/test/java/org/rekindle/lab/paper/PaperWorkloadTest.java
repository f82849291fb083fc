package org.rekindle.lab.paper;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.function.LongFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rekindle.workingset.Profile;

/** Made-up guests against the numbers that they are made up from. */
class PaperWorkloadTest {
  static List<LongFunction<PaperWorkload>> workloads() {
    return List.of(
        PaperWorkload::idle,
        PaperWorkload::mplayer,
        PaperWorkload::specjbb,
        seed -> PaperWorkload.random(0.4, seed));
  }

  @ParameterizedTest
  @MethodSource("workloads")
  void oneSeedMakesOneGuest(LongFunction<PaperWorkload> workload) {
    PaperWorkload once = workload.apply(7);
    PaperWorkload again = workload.apply(7);
    PaperWorkload other = workload.apply(8);
    assertThat(again.touches().pages()).isEqualTo(once.touches().pages());
    assertThat(times(again.touches())).isEqualTo(times(once.touches()));
    assertThat(again.workingSet().pages()).isEqualTo(once.workingSet().pages());
    assertThat(other.touches().pages()).isNotEqualTo(once.touches().pages());
  }

  private static long[] times(Profile profile) {
    long[] times = new long[profile.size()];
    Arrays.setAll(times, profile::touchNs);
    return times;
  }

  @ParameterizedTest
  @MethodSource("workloads")
  void aPageIsTouchedFirstOnce(LongFunction<PaperWorkload> workload) {
    int[] pages = workload.apply(7).touches().pages();
    assertThat(Arrays.stream(pages).distinct().count()).isEqualTo(pages.length);
    assertThat(Arrays.stream(pages).boxed())
        .allMatch(page -> page >= 0 && page < PaperWorkload.GUEST_PAGES);
  }

  @Test
  void setsAndWhatIsOutsideHaveThePapersSizes() {
    assertThat(PaperWorkload.mplayer(7).workingSet().size()).isEqualTo(10_113);
    assertThat(PaperWorkload.mplayer(7).touches().size()).isEqualTo(10_113 + 84);
    assertThat(PaperWorkload.specjbb(7).workingSet().size()).isEqualTo(47_082);
    assertThat(PaperWorkload.specjbb(7).touches().size()).isEqualTo(47_082 + 47);
    assertThat(PaperWorkload.idle(7).touches().size()).isEqualTo(7_864);
  }

  @Test
  void readingAroundEachPageTakesAsManyReadsAsThePapersGuestsAskedFor() {
    assertThat(windows(PaperWorkload.mplayer(7))).isBetween(1_548 * 97 / 100, 1_548 * 103 / 100);
    assertThat(windows(PaperWorkload.specjbb(7))).isBetween(1_623 * 97 / 100, 1_623 * 103 / 100);
  }

  private static int windows(PaperWorkload workload) {
    return (int)
        Arrays.stream(workload.workingSet().pages())
            .map(page -> page / PaperWorkload.READ_AHEAD_PAGES)
            .distinct()
            .count();
  }

  @Test
  void aRandomSetMissesMoreOfALargerArea() {
    double small = missed(PaperWorkload.random(0.2, 7));
    double large = missed(PaperWorkload.random(0.8, 7));
    assertThat(small).isBetween(0.0, 0.03);
    assertThat(large).isBetween(0.2, 0.4);
  }

  private static double missed(PaperWorkload workload) {
    boolean[] known = new boolean[PaperWorkload.GUEST_PAGES];
    for (int page : workload.workingSet().pages()) {
      known[page] = true;
    }
    int[] touched = workload.touches().pages();
    return (double) Arrays.stream(touched).filter(page -> !known[page]).count() / touched.length;
  }
}
