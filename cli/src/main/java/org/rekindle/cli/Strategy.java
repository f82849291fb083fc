package org.rekindle.cli;

import java.util.Arrays;
import java.util.Iterator;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** The names under which a user chooses a plan. */
enum Strategy {
  EAGER("eager"),
  LAZY("lazy"),
  WORKING_SET("working-set"),
  ADAPTIVE("adaptive");

  private final String label;

  Strategy(String label) {
    this.label = label;
  }

  @Override
  public String toString() {
    return label;
  }

  static final class Converter implements ITypeConverter<Strategy> {
    @Override
    public Strategy convert(String text) {
      for (Strategy strategy : values()) {
        if (strategy.label.equals(text)) {
          return strategy;
        }
      }
      throw new TypeConversionException(
          "'" + text + "' is none of " + Arrays.toString(Strategy.values()));
    }
  }

  /** The labels, for help and completion. */
  static final class Labels implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return Arrays.stream(values()).map(Strategy::toString).iterator();
    }
  }
}
