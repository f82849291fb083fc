package org.rekindle.guest.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class QmpTest {
  private static final Duration LONG = Duration.ofSeconds(20);
  private static final Duration SHORT = Duration.ofMillis(100);

  @TempDir Path directory;

  @Test
  void connectingNegotiatesOutOfBandExecutionWhereItIsOffered() throws Exception {
    List<Map<String, @Nullable Object>> seen = new ArrayList<>();
    FakeMonitor.Script script =
        client -> {
          client.send(FakeMonitor.GREETING);
          for (int i = 0; i < 2; i++) {
            var command = client.receive();
            seen.add(command);
            client.answer(command, "{}");
          }
        };
    try (var monitor = new FakeMonitor(directory, script);
        Qmp qmp = Qmp.connect(monitor.path(), LONG)) {
      assertThat(qmp.version()).isEqualTo(new QemuVersion(7, 2, 22, "Debian x"));
      assertThat(qmp.version().isAtLeast(7, 2)).isTrue();
      assertThat(qmp.version().isAtLeast(7, 3)).isFalse();
      assertThat(qmp.hasOob()).isTrue();
      qmp.executeOob("migrate-pause", Map.of());
      assertThat(seen.get(0)).containsEntry("arguments", Map.of("enable", List.of("oob")));
      assertThat(seen.get(1)).containsEntry("exec-oob", "migrate-pause");
    }
  }

  @Test
  void repliesFindTheirCommandsInAnyOrderAndInAnyPieces() throws Exception {
    FakeMonitor.Script script =
        client -> {
          client.negotiate();
          var first = client.receive();
          var second = client.receive();
          for (var command : List.of(second, first)) {
            String reply =
                "{\n  \"return\": {\n \"of\": \"%s } \\\" {\" },\n \"id\": \"%s\"\n}\r\n"
                    .formatted(command.get("execute"), command.get("id"));
            for (String piece : reply.split("(?<=\\G.{3})", -1)) {
              client.send(piece);
            }
          }
          client.swallow();
        };
    try (var monitor = new FakeMonitor(directory, script);
        Qmp qmp = Qmp.connect(monitor.path(), LONG)) {
      CompletableFuture<Object> a = CompletableFuture.supplyAsync(() -> of(qmp, "a"));
      CompletableFuture<Object> b = CompletableFuture.supplyAsync(() -> of(qmp, "b"));
      assertThat(a.get(20, TimeUnit.SECONDS)).isEqualTo("a } \" {");
      assertThat(b.get(20, TimeUnit.SECONDS)).isEqualTo("b } \" {");
    }
  }

  private static Object of(Qmp qmp, String command) {
    try {
      return String.valueOf(qmp.execute(command).get("of"));
    } catch (IOException failed) {
      return failed;
    }
  }

  @Test
  void errorsCarryClassDescriptionAndCommand() throws Exception {
    FakeMonitor.Script script =
        client -> {
          client.negotiate();
          var command = client.receive();
          client.send(
              "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"no such\"},\"id\":\"%s\"}"
                  .formatted(command.get("id")));
          client.swallow();
        };
    try (var monitor = new FakeMonitor(directory, script);
        Qmp qmp = Qmp.connect(monitor.path(), LONG)) {
      assertThatThrownBy(() -> qmp.execute("fly"))
          .isInstanceOfSatisfying(
              QmpException.class,
              refused -> {
                assertThat(refused.command()).isEqualTo("fly");
                assertThat(refused.errorClass()).isEqualTo("CommandNotFound");
                assertThat(refused.description()).isEqualTo("no such");
              });
      assertThat(qmp.isOpen()).isTrue();
    }
  }

  @Test
  void eventsCarryTheTimeOfTheVmmAndNeverLieInTheFuture() throws Exception {
    long startNs = System.nanoTime();
    Instant past = Instant.now().minusSeconds(5);
    CountDownLatch subscribed = new CountDownLatch(1);
    FakeMonitor.Script script =
        client -> {
          client.negotiate();
          awaitOrFail(subscribed);
          String event = "{\"timestamp\":{\"seconds\":%d,\"microseconds\":%d},\"event\":\"%s\"%s}";
          client.send(event.formatted(past.getEpochSecond(), past.getNano() / 1000, "STOP", ""));
          client.send(event.formatted(-1, -1, "UNSTAMPED", ",\"data\":{\"k\":1}"));
          client.send(event.formatted(past.getEpochSecond() + 500, 0, "FUTURE", ""));
          client.swallow();
        };
    try (var monitor = new FakeMonitor(directory, script);
        Qmp qmp = Qmp.connect(monitor.path(), LONG)) {
      LinkedBlockingQueue<QmpEvent> events = new LinkedBlockingQueue<>();
      try (var _ = qmp.subscribe(events::add)) {
        subscribed.countDown();
        QmpEvent stop = events.take();
        assertThat(stop.name()).isEqualTo("STOP");
        assertThat(stop.timestampNs() - startNs).isCloseTo(-5_000_000_000L, within(1_000_000_000L));
        QmpEvent unstamped = events.take();
        assertThat(unstamped.data()).containsEntry("k", 1L);
        assertThat(unstamped.timestampNs() - startNs).isPositive();
        assertThat(events.take().timestampNs() - System.nanoTime()).isLessThanOrEqualTo(0);
      }
    }
  }

  @Test
  void missingGreetingIsExplained() throws Exception {
    try (var monitor = new FakeMonitor(directory, FakeMonitor.Client::swallow)) {
      assertThatThrownBy(() -> Qmp.connect(monitor.path(), SHORT))
          .isInstanceOf(SocketTimeoutException.class)
          .hasMessageContaining("another client may be connected");
    }
  }

  @Test
  void nobodyThereIsExplained() {
    Path nowhere = directory.resolve("nobody.sock");
    assertThatThrownBy(() -> Qmp.connect(nowhere, LONG))
        .hasMessageContaining("cannot connect to QEMU's monitor at " + nowhere);
    assertThatThrownBy(() -> Qmp.connect(directory.resolve("x".repeat(120)), LONG))
        .hasMessageContaining("cannot connect");
  }

  @Test
  void peerThatIsNoMonitorIsRefused() throws Exception {
    for (String nonsense :
        List.of(
            "SSH-2.0-OpenSSH_9.2p1\r\n",
            "{\"QMP\": {\"version\": 7}}",
            "{\"QMP\": 3}",
            "{}",
            "{{}}",
            "\0\0\0",
            "{\"event\": \"X\", \"data\": []}",
            FakeMonitor.GREETING + FakeMonitor.GREETING)) {
      Path own = directory.resolve("n" + Integer.toHexString(nonsense.hashCode()));
      own.toFile().mkdir();
      FakeMonitor.Script script =
          client -> {
            client.send(nonsense);
            client.swallow();
          };
      try (var monitor = new FakeMonitor(own, script)) {
        assertThatThrownBy(() -> Qmp.connect(monitor.path(), LONG))
            .as(nonsense)
            .isInstanceOf(IOException.class)
            .isNotInstanceOf(SocketTimeoutException.class);
      }
    }
  }

  @Test
  void halfAMessageAndThenSilenceEndsInATimeoutAndTheConnectionStaysUsable() throws Exception {
    CountDownLatch timedOut = new CountDownLatch(1);
    FakeMonitor.Script script =
        client -> {
          client.negotiate();
          var slow = client.receive();
          client.send("{\"return\": {}, \"id\"");
          awaitOrFail(timedOut);
          client.send(": \"" + slow.get("id") + "\"}");
          client.answer(client.receive(), "{\"quick\": true}");
          client.swallow();
        };
    try (var monitor = new FakeMonitor(directory, script);
        Qmp qmp = Qmp.connect(monitor.path(), LONG)) {
      assertThatThrownBy(() -> qmp.execute("slow", Map.of(), SHORT))
          .isInstanceOf(SocketTimeoutException.class)
          .hasMessageContaining("did not answer \"slow\"");
      timedOut.countDown();
      assertThat(qmp.execute("quick")).containsEntry("quick", true);
    }
  }

  @Test
  void vanishingPeerFailsTheWaitingCommandAndEveryLaterOne() throws Exception {
    FakeMonitor.Script script =
        client -> {
          client.negotiate();
          client.receive();
        };
    try (var monitor = new FakeMonitor(directory, script);
        Qmp qmp = Qmp.connect(monitor.path(), LONG)) {
      assertThatThrownBy(() -> qmp.execute("quit")).hasMessageContaining("QEMU closed its monitor");
      assertThat(qmp.isOpen()).isFalse();
      assertThatThrownBy(() -> qmp.execute("cont"))
          .hasMessageContaining("cannot send \"cont\"")
          .hasMessageContaining("QEMU closed its monitor");
    }
  }

  @Test
  void garbageWrongIdsAndStrangeRepliesEndTheConnection() throws Exception {
    for (String nonsense :
        List.of(
            "xyz\n",
            "{\"return\": {}, \"id\": \"r99\"}",
            "{\"return\": {}}",
            "{\"id\": \"r2\"}",
            "{\"return\": {}, \"id\": 2}",
            "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no id\"}}",
            "{\"error\": 1, \"id\": \"r2\"}",
            "{\"return\": [}, \"id\": \"r2\"}")) {
      Path own = directory.resolve("g" + Integer.toHexString(nonsense.hashCode()));
      own.toFile().mkdir();
      FakeMonitor.Script script =
          client -> {
            client.negotiate();
            client.receive();
            client.send(nonsense);
            client.swallow();
          };
      try (var monitor = new FakeMonitor(own, script);
          Qmp qmp = Qmp.connect(monitor.path(), LONG)) {
        assertThatThrownBy(() -> qmp.execute("stop"))
            .as(nonsense)
            .hasMessageContaining("lost QEMU's monitor");
      }
    }
  }

  @Test
  void resultOfAnotherTypeIsAnErrorOfThatCommandOnly() throws Exception {
    FakeMonitor.Script script =
        client -> {
          client.negotiate();
          client.answer(client.receive(), "[1]");
          client.answer(client.receive(), "[1]");
          client.answer(client.receive(), "[{\"a\": 1}]");
          client.answer(client.receive(), "\"text\\r\\n\"");
          client.swallow();
        };
    try (var monitor = new FakeMonitor(directory, script);
        Qmp qmp = Qmp.connect(monitor.path(), LONG)) {
      assertThatThrownBy(() -> qmp.execute("query-status")).hasMessageContaining("not an object");
      assertThatThrownBy(() -> qmp.executeForList("query-block", Map.of()))
          .hasMessageContaining("list of objects");
      assertThat(qmp.executeForList("query-block", Map.of())).containsExactly(Map.of("a", 1L));
      assertThat(qmp.executeForText("human-monitor-command", Map.of())).isEqualTo("text\r\n");
    }
  }

  @Test
  void endlessMessageIsCutOff() throws Exception {
    FakeMonitor.Script script =
        client -> {
          client.negotiate();
          client.send("{\"return\": \"");
          String megabyte = "x".repeat(1 << 20);
          for (int i = 0; i < 20; i++) {
            client.send(megabyte);
          }
          client.swallow();
        };
    try (var monitor = new FakeMonitor(directory, script);
        Qmp qmp = Qmp.connect(monitor.path(), LONG)) {
      assertThatThrownBy(() -> qmp.execute("stop")).hasMessageContaining("longer than");
    }
  }

  @Test
  void peerThatNeverAnswersStopsNewCommandsAfterEight() throws Exception {
    FakeMonitor.Script script =
        client -> {
          client.negotiate();
          client.swallow();
        };
    try (var monitor = new FakeMonitor(directory, script);
        Qmp qmp = Qmp.connect(monitor.path(), LONG)) {
      Duration none = Duration.ofMillis(1);
      for (int i = 0; i < 8; i++) {
        assertThatThrownBy(() -> qmp.execute("stop", Map.of("x", "y".repeat(15_000)), none))
            .isInstanceOf(SocketTimeoutException.class);
      }
      assertThatThrownBy(() -> qmp.execute("stop")).hasMessageContaining("is stuck");
    }
  }

  @Test
  void closingFailsTheWaitingCommand() throws Exception {
    CountDownLatch received = new CountDownLatch(1);
    FakeMonitor.Script script =
        client -> {
          client.negotiate();
          client.receive();
          received.countDown();
          client.swallow();
        };
    try (var monitor = new FakeMonitor(directory, script);
        Qmp qmp = Qmp.connect(monitor.path(), LONG)) {
      CompletableFuture<Object> waiting = CompletableFuture.supplyAsync(() -> of(qmp, "stop"));
      awaitOrFail(received);
      hangUp(qmp);
      assertThat(waiting.get(20, TimeUnit.SECONDS))
          .isInstanceOfSatisfying(
              IOException.class, e -> assertThat(e).hasMessageContaining("closed by us"));
    }
  }

  private static void hangUp(Qmp qmp) {
    qmp.close();
  }

  @Test
  void listenersMustNotExecuteCommands() throws Exception {
    CompletableFuture<Throwable> outcome = new CompletableFuture<>();
    CountDownLatch subscribed = new CountDownLatch(1);
    FakeMonitor.Script script =
        client -> {
          client.negotiate();
          awaitOrFail(subscribed);
          client.send("{\"event\": \"STOP\"}");
          client.swallow();
        };
    try (var monitor = new FakeMonitor(directory, script);
        Qmp qmp = Qmp.connect(monitor.path(), LONG)) {
      try (var _ =
          qmp.subscribe(event -> {
            try {
              qmp.execute("cont");
            } catch (IOException | IllegalStateException refused) {
              outcome.complete(refused);
            }
          })) {
        subscribed.countDown();
        assertThat(outcome.get(20, TimeUnit.SECONDS)).hasMessageContaining("must not execute");
      }
    }
  }

  private static void awaitOrFail(CountDownLatch latch) {
    try {
      assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException interrupted) {
      throw new IllegalStateException(interrupted);
    }
  }
}
