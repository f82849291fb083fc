package org.rekindle.cli.report;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.rekindle.lab.RunResult;
import org.rekindle.lab.Spread;

/**
 * All repetitions of one strategy under one condition.
 *
 * @param runs in order of their {@code ttrMs["1s@0.9"]}, unknown ones last
 */
record Contender(String strategy, List<RunResult> runs) {
  /** The number that decides who wins: 90 % of every second is what people call normal. */
  static final String DECIDING = "1s@0.9";

  /** The faster comes first; who has no such number, last. */
  static final Comparator<Contender> FASTEST_FIRST =
      Comparator.comparingDouble(
              (Contender each) -> {
                Spread deciding = each.ttrMs(DECIDING);
                return deciding == null ? Double.POSITIVE_INFINITY : deciding.median();
              })
          .thenComparing(Contender::strategy);

  Contender {
    List<RunResult> sorted = new ArrayList<>(runs);
    sorted.sort(
        Comparator.comparingDouble(run -> {
          Double ttrMs = run.responsiveness().ttrMs().get(DECIDING);
          return ttrMs == null ? Double.POSITIVE_INFINITY : ttrMs;
        }));
    runs = List.copyOf(sorted);
  }

  /** The run in the middle: the one that plots show where they can show one only. */
  RunResult typical() {
    return runs.get((runs.size() - 1) / 2);
  }

  @Nullable Spread ttrMs(String key) {
    return spread(run -> run.responsiveness().ttrMs().get(key));
  }

  @Nullable Spread spread(Function<RunResult, ? extends @Nullable Number> number) {
    List<@Nullable Number> numbers = new ArrayList<>();
    for (RunResult run : runs) {
      numbers.add(number.apply(run));
    }
    return Spread.of(numbers);
  }
}
