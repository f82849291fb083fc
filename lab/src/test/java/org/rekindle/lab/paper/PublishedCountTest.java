package org.rekindle.lab.paper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.rekindle.workingset.Score;

class PublishedCountTest {
  static final Object ALL = PublishedCount.ALL;

  @ParameterizedTest
  @FieldSource("ALL")
  void aSimulatedSetIsAsPreciseAsThePapersAndLeavesSomethingToAskFor(PublishedCount published) {
    PublishedCount simulated = published.simulated(published.workload().apply(1));
    assertThat(score(simulated).precision()).isCloseTo(score(published).precision(), within(0.01));
    assertThat(simulated.prefetched() == 0).isEqualTo(published.prefetched() == 0);
    assertThat(simulated.askedFor()).isPositive();
  }

  private static Score score(PublishedCount count) {
    return new Score(count.prefetched(), count.used(), count.used() + count.askedFor());
  }
}
