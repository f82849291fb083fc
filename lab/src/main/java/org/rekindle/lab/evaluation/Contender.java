package org.rekindle.lab.evaluation;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.rekindle.lab.Preparation;
import org.rekindle.restore.Strategy;

/**
 * A way to restore.
 *
 * @param label its name in results
 * @param knowledge where its working set is from
 * @param setPercent how much of that set it is given: less leaves pages out at random, more adds
 *     pages at random (VEE'11, section 5.4)
 */
record Contender(String label, Strategy strategy, Knowledge knowledge, int setPercent) {
  /** Where a working set comes from. */
  enum Knowledge {
    NONE,
    ACCESS_BITS,
    TRACE,
    /** A trace of a clone that went on with other input. */
    OTHER_INPUT
  }

  /** The paper's, and ours. */
  static final List<Contender> STRATEGIES =
      List.of(
          new Contender("eager", Strategy.EAGER, Knowledge.NONE, 100),
          new Contender("lazy", Strategy.LAZY, Knowledge.NONE, 100),
          new Contender(
              "working-set, access bits", Strategy.WORKING_SET, Knowledge.ACCESS_BITS, 100),
          new Contender("working-set, trace", Strategy.WORKING_SET, Knowledge.TRACE, 100),
          new Contender("adaptive, access bits", Strategy.ADAPTIVE, Knowledge.ACCESS_BITS, 100),
          new Contender("adaptive, trace", Strategy.ADAPTIVE, Knowledge.TRACE, 100));

  /** Under- and overestimated sets: 100 % is among the strategies. */
  static final List<Integer> ESTIMATES = List.of(50, 90, 95, 150, 200);

  /** Under- and overestimated sets for the two strategies that have one. */
  static List<Contender> estimates() {
    List<Contender> all = new ArrayList<>();
    for (int percent : ESTIMATES) {
      for (Strategy strategy : List.of(Strategy.WORKING_SET, Strategy.ADAPTIVE)) {
        all.add(
            new Contender(
                "%s, %d %% of the trace".formatted(strategy.label(), percent),
                strategy,
                Knowledge.TRACE,
                percent));
      }
    }
    return all;
  }

  /** For guests that can be given other input. */
  static final List<Contender> OTHER_INPUT =
      List.of(
          new Contender(
              "working-set, other input", Strategy.WORKING_SET, Knowledge.OTHER_INPUT, 100),
          new Contender("adaptive, other input", Strategy.ADAPTIVE, Knowledge.OTHER_INPUT, 100));

  /** The contender that results call so. */
  static Contender of(String label) {
    return Stream.of(STRATEGIES, OTHER_INPUT, estimates())
        .flatMap(List::stream)
        .filter(contender -> contender.label.equals(label))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no way to restore is called " + label));
  }

  /** A name for a folder. */
  String folder() {
    return Preparation.fileName(label);
  }

  /** A name for the folder of a run. */
  String folder(int repetition) {
    return folder() + "-" + repetition;
  }
}
