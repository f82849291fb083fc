package org.rekindle.cli.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.rekindle.lab.Spread;
import org.rekindle.responsiveness.ResponsivenessClass;

/** Says in a sentence or two who won, by how much, and how that feels. */
final class Headline {
  private Headline() {}

  /**
   * @param contenders of one condition, fastest first
   */
  static String of(List<Contender> contenders) {
    List<Contender> timed =
        contenders.stream().filter(each -> each.ttrMs(Contender.DECIDING) != null).toList();
    if (timed.isEmpty()) {
      return "No run says when the guest became responsive.";
    }
    Contender best = timed.getFirst();
    Spread bestMs = deciding(best);
    String first =
        "With %s the guest had 90 %% of every second from %s on, a wait that feels %s."
            .formatted(best.strategy(), time(bestMs.median()), feeling(bestMs));
    if (timed.size() == 1) {
      return first;
    }
    List<String> level = new ArrayList<>();
    List<String> behind = new ArrayList<>();
    for (Contender other : timed.subList(1, timed.size())) {
      Spread otherMs = deciding(other);
      if (otherMs.overlaps(bestMs)) {
        level.add("%s (%s)".formatted(other.strategy(), time(otherMs.median())));
      } else {
        behind.add(
            "%s with %s (%s, %s)"
                .formatted(
                    factor(otherMs.median(), bestMs.median()),
                    other.strategy(),
                    time(otherMs.median()),
                    feeling(otherMs)));
      }
    }
    String second = "";
    if (!level.isEmpty()) {
      second += " No clear difference to " + listed(level) + ".";
    }
    if (!behind.isEmpty()) {
      String rest = listed(behind);
      second += " It took " + rest + ".";
    }
    return first + second;
  }

  private static Spread deciding(Contender contender) {
    Spread spread = contender.ttrMs(Contender.DECIDING);
    if (spread == null) {
      throw new IllegalStateException(contender.strategy() + " has no " + Contender.DECIDING);
    }
    return spread;
  }

  private static String feeling(Spread ms) {
    return ResponsivenessClass.of(Math.round(ms.median() * 1e6)).words();
  }

  /** {@code "3.4 times as long"}, or the difference where a ratio would say nothing. */
  private static String factor(double laterMs, double soonerMs) {
    double times = laterMs / soonerMs;
    return soonerMs < 1 || times < 1.1
        ? time(laterMs - soonerMs) + " longer"
        : String.format(
            Locale.ROOT, times < 10 ? "%.1f times as long" : "%,.0f times as long", times);
  }

  static String time(double ms) {
    if (ms < 10) {
      return String.format(Locale.ROOT, "%.1f ms", ms);
    }
    if (ms < 1000) {
      return String.format(Locale.ROOT, "%.0f ms", ms);
    }
    return String.format(Locale.ROOT, ms < 100_000 ? "%.1f s" : "%,.0f s", ms / 1000);
  }

  private static String listed(List<String> items) {
    return items.size() == 1
        ? items.getFirst()
        : String.join(", ", items.subList(0, items.size() - 1)) + " and " + items.getLast();
  }
}
