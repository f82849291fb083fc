package org.rekindle.workingset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.zip.DataFormatException;
import org.junit.jupiter.api.Test;
import org.rekindle.envelope.Envelope;

class RunHistoryFileTest {
  private static final int GUEST_PAGES = 500;

  private static Profile run(int first, int size) {
    int[] pages = new int[size];
    long[] touchNs = new long[size];
    Access[] access = new Access[size];
    for (int i = 0; i < size; i++) {
      pages[i] = (first + 7 * i) % GUEST_PAGES;
      touchNs[i] = 100L * i;
      access[i] = Access.WRITE;
    }
    return new Profile(pages, touchNs, access, 1_000_000, "run " + first);
  }

  @Test
  void whatIsWrittenComesBack() throws DataFormatException {
    for (RunHistory history :
        List.of(
            RunHistory.NONE,
            new RunHistory(List.of(run(3, 0))),
            new RunHistory(List.of(run(1, 20), run(2, 0), run(3, GUEST_PAGES))))) {
      RunHistory found = RunHistoryFile.decode(RunHistoryFile.encode(history), GUEST_PAGES);
      assertThat(found.runs()).hasSameSizeAs(history.runs());
      for (int i = 0; i < found.runs().size(); i++) {
        Profile run = found.runs().get(i);
        assertThat(run.pages()).isEqualTo(history.runs().get(i).pages());
        assertThat(run.source()).isEqualTo(history.runs().get(i).source());
      }
    }
  }

  @Test
  void theOldestRunIsForgotten() {
    RunHistory history = RunHistory.NONE;
    for (int i = 0; i < RunHistory.MAX_RUNS + 3; i++) {
      history = history.plus(run(i, 2));
    }
    assertThat(history.runs()).hasSize(RunHistory.MAX_RUNS);
    assertThat(history.runs().getFirst().source()).isEqualTo("run 3");
    assertThat(history.runs().getLast().source()).isEqualTo("run 10");
    assertThatThrownBy(() -> new RunHistory(Collections.nCopies(9, run(1, 1))))
        .isInstanceOf(IllegalArgumentException.class);
  }

  /** The body is changed and sealed again, so every check of a field is reached. */
  @Test
  void everyChangedFieldIsRefusedOrMakesAnotherHistory() throws DataFormatException {
    byte[] file = RunHistoryFile.encode(new RunHistory(List.of(run(1, 9), run(2, 8))));
    ByteBuffer opened = Envelope.open(file, "RKDLRUNS", 1, 10_000);
    byte[] body = new byte[opened.remaining()];
    opened.get(body);
    Random random = new Random(5);
    int refused = 0;
    for (int at = 0; at < body.length; at++) {
      for (byte value : new byte[] {0, 1, -1, 127, -128, (byte) random.nextInt()}) {
        byte[] changed = body.clone();
        changed[at] = value;
        try {
          RunHistory found =
              RunHistoryFile.decode(Envelope.seal("RKDLRUNS", 1, changed), GUEST_PAGES);
          assertThat(found.runs()).hasSize(2);
        } catch (DataFormatException expected) {
          refused++;
        }
      }
    }
    assertThat(refused).isGreaterThan(body.length);
    for (int bytes = 0; bytes < body.length; bytes++) {
      byte[] cut = Envelope.seal("RKDLRUNS", 1, Arrays.copyOf(body, bytes));
      assertThatThrownBy(() -> RunHistoryFile.decode(cut, GUEST_PAGES))
          .isInstanceOf(DataFormatException.class);
    }
    byte[] longer = Envelope.seal("RKDLRUNS", 1, Arrays.copyOf(body, body.length + 1));
    assertThatThrownBy(() -> RunHistoryFile.decode(longer, GUEST_PAGES))
        .isInstanceOf(DataFormatException.class)
        .hasMessageContaining("behind the last run");
  }
}
