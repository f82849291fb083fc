package org.rekindle.responsiveness;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ResponsivenessClassTest {
  @ParameterizedTest
  @CsvSource({
    "0, CRISP", "149.999999, CRISP",
    "150, NOTICEABLE", "999.999999, NOTICEABLE",
    "1000, ANNOYING", "1999.999999, ANNOYING",
    "2000, UNACCEPTABLE", "5000, UNACCEPTABLE",
    "5000.000001, UNUSABLE", "9e12, UNUSABLE"
  })
  void waitsHaveTheClassesOfTheStudy(double waitMs, ResponsivenessClass expected) {
    assertThat(ResponsivenessClass.of(Math.round(waitMs * 1e6))).isEqualTo(expected);
  }
}
