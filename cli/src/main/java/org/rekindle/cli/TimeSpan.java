package org.rekindle.cli;

import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads a time such as {@code 10s}, {@code 500ms} or {@code 2min}. */
final class TimeSpan implements ITypeConverter<Duration> {
  private static final Pattern FORM = Pattern.compile("(\\d{1,9})(ms|s|min|h)");

  @Override
  public Duration convert(String text) {
    Matcher match = FORM.matcher(text);
    if (!match.matches() || Long.parseLong(match.group(1)) == 0) {
      throw new TypeConversionException(
          "'" + text + "' is not a time; write one such as 10s, 500ms or 2min");
    }
    long number = Long.parseLong(match.group(1));
    return switch (match.group(2)) {
      case "ms" -> Duration.ofMillis(number);
      case "s" -> Duration.ofSeconds(number);
      case "min" -> Duration.ofMinutes(number);
      default -> Duration.ofHours(number);
    };
  }
}
