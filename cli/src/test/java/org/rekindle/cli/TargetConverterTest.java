package org.rekindle.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rekindle.restore.TtrTarget;
import picocli.CommandLine.TypeConversionException;

class TargetConverterTest {
  private final TargetConverter converter = new TargetConverter();

  @Test
  void aTargetIsAWindowAndAShareOfIt() {
    assertThat(converter.convert("w=1s,u=0.9")).isEqualTo(TtrTarget.DEFAULT);
    assertThat(converter.convert("w=100ms,u=0.75")).isEqualTo(new TtrTarget(100_000_000, 0.75));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "0.9", "u=0.9", "w=1s", "w=1,u=0.9", "w=1s,u=1", "w=1s,u=0.0", "w=0s,u=0.5"})
  void anythingElseIsRefusedWithAnExample(String text) {
    assertThatThrownBy(() -> converter.convert(text))
        .isInstanceOf(TypeConversionException.class)
        .hasMessageContaining("such as");
  }
}
