package org.rekindle.lab.criu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.rekindle.lab.RunResult;
import org.rekindle.lab.criu.Load.Answer;
import org.rekindle.responsiveness.StallScope;

class ClientViewTest {
  private static final long MS = 1_000_000;
  private static final long SECOND = 1000 * MS;
  private static final long COMMAND = 7 * SECOND;

  /** Two clients, each of them 100 times a second, answered within a millisecond. */
  private static List<Answer> steady(long fromNs, long untilNs) {
    List<Answer> answers = new ArrayList<>();
    for (long at = fromNs; at < untilNs; at += 10 * MS) {
      answers.add(new Answer(0, at, at + MS));
      answers.add(new Answer(1, at, at + MS));
    }
    return answers;
  }

  private final ClientView view = ClientView.normal(steady(0, 5 * SECOND));

  @Test
  void normalIsWhatWasSeenBeforeTheDump() {
    assertThat(view.normalNs()).isEqualTo(MS);
    assertThat(view.answersPerSecond()).isBetween(199.0, 201.0);
  }

  @Test
  void nobodyIsServedBeforeTheFirstAnswer() {
    List<Answer> answers = steady(COMMAND + 400 * MS, COMMAND + 10 * SECOND);
    RunResult.Responsiveness seen = view.responsiveness(answers, COMMAND, 2);
    assertThat(seen.stallScope()).isEqualTo(StallScope.PER_CLIENT);
    assertThat(seen.ttrMs().get("1s@0.5")).isEqualTo(401);
    assertThat(seen.ttrMs().get("1s@0.99")).isEqualTo(401);
  }

  @Test
  void aLateAnswerStallsItsClientForWhatItIsLate() {
    List<Answer> answers = steady(COMMAND + 400 * MS, COMMAND + 2 * SECOND);
    answers.add(new Answer(0, COMMAND + 2 * SECOND, COMMAND + 2 * SECOND + 601 * MS));
    answers.addAll(steady(COMMAND + 2 * SECOND + 700 * MS, COMMAND + 10 * SECOND));
    RunResult.Responsiveness seen = view.responsiveness(answers, COMMAND, 2);
    assertThat(seen.ttrMs().get("1s@0.7")).isEqualTo(401); // 600 of 2,000 client milliseconds
    // From 2,401 ms on it lasts 200 ms more, which a second may have.
    assertThat(seen.ttrMs().get("1s@0.9")).isEqualTo(2401);
  }

  @Test
  void aClientThatIsServedLaterThanTheOthersStallsUntilThen() {
    List<Answer> answers = new ArrayList<>();
    for (Answer answer : steady(COMMAND + 400 * MS, COMMAND + 10 * SECOND)) {
      if (answer.client() == 0 || answer.askedNs() >= COMMAND + 3 * SECOND) {
        answers.add(answer);
      }
    }
    RunResult.Responsiveness seen = view.responsiveness(answers, COMMAND, 2);
    assertThat(seen.ttrMs().get("1s@0.5")).isEqualTo(401);
    assertThat(seen.ttrMs().get("1s@0.9")).isEqualTo(2801); // 200 ms before it is served
  }
}
