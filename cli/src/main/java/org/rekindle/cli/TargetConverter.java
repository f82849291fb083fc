package org.rekindle.cli;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.rekindle.restore.TtrTarget;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads what a restore is to reach: {@code w=1s,u=0.9}. */
final class TargetConverter implements ITypeConverter<TtrTarget> {
  private static final Pattern FORM = Pattern.compile("w=([^,]+),u=(0\\.\\d{1,4})");

  @Override
  public TtrTarget convert(String text) {
    Matcher match = FORM.matcher(text);
    if (!match.matches() || Double.parseDouble(match.group(2)) == 0) {
      throw new TypeConversionException(
          "'"
              + text
              + "' is not a target; write a window and the share of it that the guest is to run,"
              + " such as w=1s,u=0.9");
    }
    return new TtrTarget(
        new TimeSpan().convert(match.group(1)).toNanos(), Double.parseDouble(match.group(2)));
  }
}
