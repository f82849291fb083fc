package org.rekindle.workingset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

class SetSampleTest {
  /** By hand: (0.5 + 3.8416/200) / (1 + 3.8416/100) and so on, for 50 and for none of 100. */
  @Test
  void theIntervalIsWilsons() {
    SetSample half = new SetSample(100, 50);
    assertThat(half.shareAtLeast()).isCloseTo(0.4038, within(0.0001));
    assertThat(half.shareAtMost()).isCloseTo(0.5962, within(0.0001));
    SetSample none = new SetSample(100, 0);
    assertThat(none.shareAtLeast()).isZero();
    assertThat(none.shareAtMost()).isCloseTo(0.0370, within(0.0001));
    assertThat(new SetSample(100, 100).shareAtLeast()).isCloseTo(0.9630, within(0.0001));
  }

  @Test
  void withoutASampleNothingIsKnown() {
    assertThat(SetSample.NONE.shareAtLeast()).isZero();
    assertThat(SetSample.NONE.shareAtMost()).isEqualTo(1);
    assertThatThrownBy(() -> new SetSample(2, 3)).isInstanceOf(IllegalArgumentException.class);
  }

  /** Of 4,000 polls with any share the interval has the truth in about 95 of 100. */
  @Test
  void theIntervalHasTheTruthInIt() {
    Random random = new Random(7);
    int right = 0;
    for (int poll = 0; poll < 4000; poll++) {
      double truth = random.nextDouble();
      int used = 0;
      for (int i = 0; i < 128; i++) {
        used += random.nextDouble() < truth ? 1 : 0;
      }
      SetSample sample = new SetSample(128, used);
      right += sample.shareAtLeast() <= truth && truth <= sample.shareAtMost() ? 1 : 0;
    }
    assertThat(right).isBetween(3740, 3860);
  }
}
