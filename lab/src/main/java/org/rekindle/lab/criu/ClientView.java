package org.rekindle.lab.criu;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.rekindle.lab.RunResult;
import org.rekindle.lab.criu.Load.Answer;
import org.rekindle.responsiveness.Stall;
import org.rekindle.responsiveness.StallScope;
import org.rekindle.responsiveness.StallTimeline;
import org.rekindle.responsiveness.SteadyState;

/*
 * One measure for all
 *
 * Stock CRIU does not tell its faults, so they cannot be what contenders are compared by. What all
 * of them have is clients that wait for answers. A client stalls in what its answer takes longer
 * than answers normally do (the 99th percentile before the dump), and each client stalls alone; from
 * these stalls the same curves are made as from faults: TTR(w, u) is then the time from which on no
 * window of length w leaves the clients less than the share u of their time undisturbed. Up to the
 * first answer of anybody there is no service at all. One stalled client of four is a quarter.
 *
 * It is kinder than the faults' own measure: a fault that nobody waits for is no stall.
 */

/** What clients outside see of a program: how it normally answers, and how it comes back. */
record ClientView(SteadyState steadyState, long normalNs) {
  /** A heartbeat for every so many answers: 40 a second at the usual pace. */
  private static final int ANSWERS_PER_BEAT = 25;

  private static final double NORMAL_SHARE = 0.99;

  /** How it answers in normal operation, from answers over some seconds. */
  static ClientView normal(List<Answer> answers) {
    long[] ascendingNs =
        answers.stream().mapToLong(each -> each.answeredNs() - each.askedNs()).sorted().toArray();
    SteadyState steady =
        SteadyState.of(beatsNs(answers, 0), SteadyState.WINDOW_NS)
            .orElseThrow(() -> new IllegalArgumentException("less than a second of answers"));
    return new ClientView(steady, ascendingNs[(int) (NORMAL_SHARE * (ascendingNs.length - 1))]);
  }

  double answersPerSecond() {
    return steadyState.beatsPerSecond() * ANSWERS_PER_BEAT;
  }

  /** When it was back to normal; empty if that cannot be seen yet. */
  OptionalLong backToNormalNs(List<Answer> answers, long commandNs, long untilNs) {
    return steadyState.backToNormalNs(beatsNs(answers, commandNs), untilNs - commandNs);
  }

  RunResult.Progress progress(
      List<Answer> answers,
      long commandNs,
      long untilNs,
      @Nullable Double firstInstructionMs,
      @Nullable Double allInMs) {
    OptionalLong normal = backToNormalNs(answers, commandNs, untilNs);
    List<Double> beatsMs = new ArrayList<>();
    for (long beatNs : beatsNs(answers, commandNs)) {
      beatsMs.add(beatNs / 1e6);
    }
    return new RunResult.Progress(
        null,
        firstInstructionMs,
        (answers.getFirst().answeredNs() - commandNs) / 1e6,
        normal.isPresent() ? normal.getAsLong() / 1e6 : null,
        allInMs,
        steadyState,
        beatsMs);
  }

  RunResult.Responsiveness responsiveness(List<Answer> answers, long commandNs, int clients) {
    Set<Integer> served = new HashSet<>();
    List<Stall> stalls = new ArrayList<>();
    for (Answer answer : answers) {
      long fromNs = served.add(answer.client()) ? commandNs : answer.askedNs();
      long stalledFromNs = fromNs + normalNs - commandNs;
      long answeredNs = answer.answeredNs() - commandNs;
      if (stalledFromNs < answeredNs) {
        stalls.add(new Stall(stalledFromNs, answeredNs, answer.client()));
      }
    }
    long firstAnswerNs = answers.getFirst().answeredNs() - commandNs;
    RunResult.Responsiveness seen =
        RunResult.Responsiveness.of(StallTimeline.of(firstAnswerNs, clients, stalls));
    return new RunResult.Responsiveness(StallScope.PER_CLIENT, seen.ttrMs(), seen.ttrCurve());
  }

  private static long[] beatsNs(List<Answer> answers, long zeroNs) {
    long[] beats = new long[answers.size() / ANSWERS_PER_BEAT];
    for (int i = 0; i < beats.length; i++) {
      beats[i] = answers.get((i + 1) * ANSWERS_PER_BEAT - 1).answeredNs() - zeroNs;
    }
    return beats;
  }
}
