package org.rekindle.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.rekindle.restore.Strategy;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads the label of a strategy. */
final class StrategyName implements ITypeConverter<Strategy> {
  /** The labels, for help and completion. */
  static final class Labels extends ArrayList<String> {
    private static final long serialVersionUID = 1L;

    Labels() {
      super(labels());
    }
  }

  private static List<String> labels() {
    return Arrays.stream(Strategy.values()).map(Strategy::label).toList();
  }

  @Override
  public Strategy convert(String text) {
    if (!labels().contains(text)) {
      throw new TypeConversionException("'" + text + "' is none of " + String.join(", ", labels()));
    }
    return Strategy.of(text);
  }
}
