package org.rekindle.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.TypeConversionException;

class PrefetchBudgetTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "20000, 20000",
    "64M, 16384",
    "4K, 1",
    "4095, 4095",
    "50%, 12500",
    "0%, 0",
    "100%, 25000",
    "1T, 25000",
    "999999999999, 25000"
  })
  void isAShareOrANumberOfAProfileOf25000Pages(String text, int pages) {
    assertThat(new PrefetchBudget.Converter().convert(text).of(25_000)).isEqualTo(pages);
  }

  @Test
  void aShareIsRoundedUp() {
    assertThat(new PrefetchBudget.Converter().convert("1%").of(3)).isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "-1", "101%", "64m", "64MB", "1.5G", "9999999999999999999", "M"})
  void otherTextIsRefused(String text) {
    assertThatThrownBy(() -> new PrefetchBudget.Converter().convert(text))
        .isInstanceOf(TypeConversionException.class)
        .hasMessageContaining("64M");
  }

  @Test
  void hugeSizesDoNotOverflow() {
    assertThatThrownBy(() -> new PrefetchBudget.Converter().convert("999999999999T"))
        .isInstanceOf(TypeConversionException.class);
  }
}
