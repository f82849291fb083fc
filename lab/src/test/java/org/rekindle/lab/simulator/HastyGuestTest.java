package org.rekindle.lab.simulator;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rekindle.lab.paper.WrongSet;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Profile;

/**
 * A guest that touches a tenth of its memory within a tenth of a second, of which its set has only
 * a part: each page that it misses on a disk costs far more time than it then runs.
 */
class HastyGuestTest {
  private static final EvenTouches GUEST = new EvenTouches(6_400, 15_000, 0.4);
  private static final Profile TOUCHES = GUEST.profile(1);
  private static final long WINDOW_NS = 1_000_000_000;

  record Case(StorageModel disk, int setPercent) {}

  static List<Case> cases() {
    return List.of(ThrottledDisk.EXPERIMENTS, RotatingDisk.BARRACUDA).stream()
        .flatMap(disk -> IntStream.of(0, 50, 80, 95).mapToObj(percent -> new Case(disk, percent)))
        .toList();
  }

  private static long ttrNs(StorageModel disk, Strategy strategy, Profile set) {
    return GUEST.restore(disk, strategy, set, TOUCHES).ttr(WINDOW_NS).ttrNs(0.9);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void itsMissesAreSoonGivenUpForReadingAllInOneGo(Case each) {
    Profile set = WrongSet.kept(TOUCHES, each.setPercent / 100.0, 1);
    assertThat((double) ttrNs(each.disk, Strategy.ADAPTIVE, set))
        .isLessThan(1.12 * ttrNs(each.disk, Strategy.EAGER, set));
  }
}
