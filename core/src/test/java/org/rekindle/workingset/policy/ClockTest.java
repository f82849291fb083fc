package org.rekindle.workingset.policy;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Ranking;

class ClockTest {
  // Three frames, > is the hand, ' a set bit.
  //
  //   touch   frames         why
  //   A B C  >A' B' C'       three free frames
  //   D       D'>B  C        the hand clears all three bits and is back at A, which goes
  //   B       D'>B' C
  //   E      >D' B  E'       B is spared, C goes
  //
  // With nothing touched any more, B would go first (clear), then D and E on the second turn.
  @Test
  void theHandSparesWhatWasTouched() {
    Ranking ranking = new Clock(3).rank(Touches.of("A B C D B E"));
    assertThat(Touches.letters(ranking)).isEqualTo("E D B C A"); // C and A by recency
    assertThat(ranking.setSize()).isEqualTo(3);
  }

  /** The same as a queue: who has a second chance goes to its end. */
  private record Page(int number) {}

  @Test
  void victimsAreThoseOfASecondChanceQueue() {
    for (int run = 0; run < 300; run++) {
      int seed = 500 + run;
      Random random = new Random(seed);
      AccessTrace trace = Touches.random(random);
      int capacity = 1 + random.nextInt(20);
      Clock.Face face = new Clock.Face(trace.memoryPages(), capacity);
      Deque<Page> queue = new ArrayDeque<>();
      Set<Integer> marked = new HashSet<>();
      for (int touch = 0; touch < trace.size(); touch++) {
        int page = trace.page(touch);
        int victim = -1;
        if (queue.stream().anyMatch(each -> each.number == page)) {
          marked.add(page);
        } else {
          if (queue.size() == capacity) {
            while (marked.remove(queue.element().number)) {
              queue.add(queue.remove());
            }
            victim = queue.remove().number;
          }
          queue.add(new Page(page));
          marked.add(page);
        }
        assertThat(face.touch(page)).as("seed %d, touch %d", seed, touch).isEqualTo(victim);
      }
    }
  }
}
