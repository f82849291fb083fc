package org.rekindle.cli;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.rekindle.image.MemoryMap;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * How much of the working set may be prefetched: so many pages, or a share of the profile.
 *
 * @param pages a number of pages; ignored where {@code share} is given
 * @param share of the profile, 0 to 1; negative if {@code pages} counts
 */
record PrefetchBudget(long pages, double share) {
  /** The first pages of a profile of so many that are within the budget. */
  int of(int profilePages) {
    return (int) (share >= 0 ? Math.ceil(share * profilePages) : Math.min(pages, profilePages));
  }

  /** Reads {@code 20000} (pages), {@code 64M} (size) or {@code 50%} (of the profile). */
  static final class Converter implements ITypeConverter<PrefetchBudget> {
    private static final Pattern FORM = Pattern.compile("(\\d{1,12})([KMGT%]?)");

    @Override
    public PrefetchBudget convert(String text) {
      Matcher match = FORM.matcher(text);
      if (!match.matches()) {
        throw wrong(text);
      }
      long number = Long.parseLong(match.group(1));
      String unit = match.group(2);
      if (unit.isEmpty()) {
        return new PrefetchBudget(number, -1);
      }
      if (unit.equals("%")) {
        if (number > 100) {
          throw wrong(text);
        }
        return new PrefetchBudget(0, number / 100.0);
      }
      int shift = 10 * (1 + "KMGT".indexOf(unit));
      if (number > Long.MAX_VALUE >> shift) {
        throw wrong(text);
      }
      return new PrefetchBudget((number << shift) / MemoryMap.PAGE_BYTES, -1);
    }

    private static TypeConversionException wrong(String text) {
      return new TypeConversionException(
          "'"
              + text
              + "' is no prefetch budget; write pages (20000), a size (64M) or a share (50%)");
    }
  }
}
