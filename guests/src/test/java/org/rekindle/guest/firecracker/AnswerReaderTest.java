package org.rekindle.guest.firecracker;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AnswerReaderTest {
  private static final String TYPICAL = FakeFirecracker.answer("200 ", "{\"state\": \"Runnïng\"}");

  private static @Nullable Answer read(byte[] bytes) {
    return new AnswerReader().take(bytes, bytes.length);
  }

  private static @Nullable Answer read(String text) {
    return read(text.getBytes(UTF_8));
  }

  @Test
  void answersOfFirecrackerAreRead() {
    assertThat(read(TYPICAL)).isEqualTo(new Answer(200, "{\"state\": \"Runnïng\"}"));
    assertThat(read(FakeFirecracker.NO_CONTENT)).isEqualTo(new Answer(204, ""));
    assertThat(read(FakeFirecracker.answer("400 ", ""))).isEqualTo(new Answer(400, ""));
    assertThat(read("HTTP/1.1 503\r\nServer: Firecracker API\r\nContent-Length: 2\r\n\r\n{}"))
        .isEqualTo(new Answer(503, "{}"));
    assertThat(read("HTTP/1.0 200 OK\r\ncontent-LENGTH:3 \r\n\r\nabc"))
        .isEqualTo(new Answer(200, "abc"));
  }

  @Test
  void answerMayComeInAnyPieces() {
    byte[] whole = TYPICAL.getBytes(UTF_8);
    for (int cut = 1; cut < whole.length; cut++) {
      AnswerReader reader = new AnswerReader();
      assertThat(reader.take(whole, cut)).isNull();
      byte[] rest = Arrays.copyOfRange(whole, cut, whole.length);
      assertThat(reader.take(rest, rest.length)).isEqualTo(read(whole));
    }
    AnswerReader reader = new AnswerReader();
    for (int i = 0; i < whole.length - 1; i++) {
      assertThat(reader.take(new byte[] {whole[i]}, 1)).isNull();
    }
    assertThat(reader.progress()).contains("of " + whole.length + " bytes");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "QEMU says hello\r\n\r\n",
        "{\"QMP\": {}}\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n folded\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent Length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
        "HTTP/1.1 204 \r\nContent-Length: 1\r\n\r\na",
      })
  void whatFirecrackerNeverSendsIsRefused(String text) {
    assertThatThrownBy(() -> read(text)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void endlessHeadsAreGivenUp() {
    AnswerReader reader = new AnswerReader();
    byte[] start = "HTTP/1.1 200 OK\r\n".getBytes(UTF_8);
    assertThat(reader.take(start, start.length)).isNull();
    byte[] field = "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".getBytes(UTF_8);
    assertThatThrownBy(
            () -> {
              for (int i = 0; i < 1_000; i++) {
                reader.take(field, field.length);
              }
            })
        .hasMessageContaining("a head of more than 8192 bytes");
    byte[] flood = new byte[AnswerReader.MAX_HEAD_BYTES + AnswerReader.MAX_BODY_BYTES + 1];
    assertThatThrownBy(() -> read(flood)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void garbageIsRefusedOrIncompleteAndNothingElse() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    byte[] good = TYPICAL.getBytes(UTF_8);
    for (int i = 0; i < 50_000; i++) {
      byte[] bad = good.clone();
      for (int flips = 1 + random.nextInt(4); flips > 0; flips--) {
        bad[random.nextInt(bad.length)] = (byte) random.nextInt();
      }
      try {
        read(bad);
      } catch (IllegalArgumentException refused) {
        assertThat(refused.getMessage())
            .as("seed %d, %s", seed, new String(bad, ISO_8859_1))
            .doesNotContainPattern("\\p{Cntrl}");
      }
    }
  }

  @Test
  void textOfOthersIsShownShortAndOnOneLine() {
    assertThat(AnswerReader.shown("a\u001b[31m\r\nb")).isEqualTo("a [31m b");
    assertThat(AnswerReader.shown("x".repeat(9_999))).hasSizeLessThan(500);
  }
}
