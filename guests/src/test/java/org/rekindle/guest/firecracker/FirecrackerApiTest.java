package org.rekindle.guest.firecracker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.SocketTimeoutException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.json.Json;

@Timeout(60)
class FirecrackerApiTest {
  @TempDir Path directory;
  private FakeFirecracker firecracker;
  private FirecrackerApi api;

  @BeforeEach
  void start() throws IOException {
    firecracker = new FakeFirecracker(directory);
    api = new FirecrackerApi(firecracker.socket());
  }

  @AfterEach
  void end() throws IOException {
    api.close();
    firecracker.close();
  }

  @Test
  void whatFirecrackerIsAndHasIsUnderstood() throws Exception {
    assertThat(api.instance())
        .isEqualTo(new FirecrackerApi.Instance("anonymous", "Running", "1.16.1"));
    assertThat(api.memoryBytes()).isEqualTo(1 << 20);
    firecracker.answers =
        Map.of(
            "GET /vm/config",
            FakeFirecracker.answer(
                "200 ",
                "{\"machine-config\": {\"mem_size_mib\": 512}, \"memory-hotplug\":"
                    + " {\"total_size_mib\": 1024, \"slot_size_mib\": 128}}"));
    assertThat(api.memoryBytes()).isEqualTo(1536L << 20);
  }

  @Test
  void requestsHaveWhatFirecrackerAsksFor() throws Exception {
    api.pause();
    assertThat(firecracker.bodies).containsEntry("PATCH /vm", "{\"state\":\"Paused\"}");
    api.resume();
    assertThat(firecracker.bodies).containsEntry("PATCH /vm", "{\"state\":\"Resumed\"}");
    Path state = directory.resolve("s");
    api.createSnapshot(state.toString(), directory.resolve("m").toString(), FirecrackerApi.AT_ONCE);
    assertThat(Json.parseObject(firecracker.bodies.getOrDefault("PUT /snapshot/create", "")))
        .containsEntry("snapshot_type", "Full")
        .containsEntry("snapshot_path", state.toString())
        .containsEntry("mem_file_path", directory.resolve("m").toString());
    assertThat(firecracker.requests)
        .containsExactly("PATCH /vm", "PATCH /vm", "PUT /snapshot/create");
  }

  @Test
  void refusalsAreToldInFirecrackersWords() throws Exception {
    firecracker.refused = Map.of("PATCH /vm", "The requested operation is\nnot supported");
    assertThatThrownBy(api::pause)
        .isInstanceOf(FirecrackerException.class)
        .hasMessage("Firecracker refused PATCH /vm: The requested operation is not supported");
    firecracker.answers =
        Map.of(
            "GET /",
            "HTTP/1.1 503\r\nServer: Firecracker API\r\nConnection: close\r\nContent-Length: 40\r\n"
                + "\r\n{ \"error\": \"Too many open connections\" }");
    assertThatThrownBy(api::instance)
        .hasMessage("Firecracker refused GET /: Too many open connections");
    firecracker.answers = Map.of("GET /", FakeFirecracker.answer("500 ", ""));
    assertThatThrownBy(api::instance).hasMessage("Firecracker refused GET /: HTTP status 500");
    firecracker.answers = Map.of("GET /", FakeFirecracker.answer("400 ", "{\"error\": \"a\nb\"}"));
    assertThatThrownBy(api::instance).hasMessageContaining("a b");
  }

  @Test
  void connectionThatEndsEarlyIsToldApart() throws Exception {
    firecracker.answers = Map.of("GET /", "");
    assertThatThrownBy(api::instance)
        .hasMessageContaining("closed its API")
        .hasMessageContaining("without an answer to GET /");
    firecracker.answers = Map.of("GET /", "HTTP/1.1 200 \r\nServ");
    assertThatThrownBy(api::instance).hasMessageContaining("after 19 bytes, inside the head");
    String whole = FakeFirecracker.answer("200 ", "{\"id\": \"x\"}");
    firecracker.answers = Map.of("GET /", whole.substring(0, whole.length() - 1));
    assertThatThrownBy(api::instance)
        .hasMessageContaining("of " + whole.length() + " bytes of the answer");
  }

  @Test
  void whatIsNotFirecrackerIsNotBelieved() throws Exception {
    for (String body : List.of("[]", "{\"state\": 1}", "{", "")) {
      firecracker.answers = Map.of("GET /", FakeFirecracker.answer("200 ", body));
      assertThatThrownBy(api::instance).hasMessageContaining("strange answer from");
    }
    for (String config :
        List.of(
            "{}",
            "{\"machine-config\": {\"mem_size_mib\": -5}}",
            "{\"machine-config\": {\"mem_size_mib\": 9223372036854775807}}",
            "{\"machine-config\": {\"mem_size_mib\": \"many\"}}")) {
      firecracker.answers = Map.of("GET /vm/config", FakeFirecracker.answer("200 ", config));
      assertThatThrownBy(api::memoryBytes).hasMessageContaining("strange answer from");
    }
    firecracker.answers = Map.of("GET /", "SSH-2.0-OpenSSH_9.2\r\n");
    assertThatThrownBy(api::instance)
        .hasMessageContaining("is not Firecracker: not HTTP/1.1: SSH-2.0");
    firecracker.answers =
        Map.of("GET /", "HTTP/1.1 200 \r\nContent-Length: 2000000\r\n\r\n" + "x".repeat(2_000_000));
    assertThatThrownBy(api::instance)
        .hasMessageContaining("a Content-Length of 2000000, at most 1048576 expected");
  }

  @Test
  void nobodyAtTheSocketIsNamed() {
    try (FirecrackerApi nobody = new FirecrackerApi(directory.resolve("nowhere"))) {
      assertThatThrownBy(nobody::instance)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("cannot reach Firecracker's API")
          .hasMessageContaining("nowhere");
    }
    try (FirecrackerApi tooLong = new FirecrackerApi(directory.resolve("x".repeat(120)))) {
      assertThatThrownBy(tooLong::instance).isInstanceOf(IOException.class);
    }
  }

  @Test
  void answerThatDoesNotComeIsWaitedForNoLongerThanSaid() {
    firecracker.hangsAt = "PATCH /vm";
    assertThatThrownBy(() -> api.resume(Duration.ofMillis(50)))
        .isInstanceOf(SocketTimeoutException.class)
        .hasMessageContaining("did not answer PATCH /vm");
    firecracker.release();
  }

  @Test
  void closingEndsARequestAndAllLaterOnes() throws Exception {
    firecracker.hangsAt = "PATCH /vm";
    Thread closer =
        new Thread(() -> {
          while (!firecracker.requests.contains("PATCH /vm")) {
            Thread.onSpinWait();
          }
          api.close();
        });
    closer.start();
    assertThatThrownBy(api::pause).isInstanceOf(InterruptedIOException.class);
    closer.join();
    assertThatThrownBy(api::instance).isInstanceOf(InterruptedIOException.class);
    assertThat(firecracker.requests).containsExactly("PATCH /vm");
    firecracker.release();
  }

  @Test
  void interruptEndsARequest() throws Exception {
    firecracker.hangsAt = "PATCH /vm";
    Thread asking = Thread.currentThread();
    Thread interrupter =
        new Thread(() -> {
          while (!firecracker.requests.contains("PATCH /vm")) {
            Thread.onSpinWait();
          }
          asking.interrupt();
        });
    interrupter.start();
    assertThatThrownBy(api::pause).isInstanceOf(InterruptedIOException.class);
    assertThat(Thread.interrupted()).isTrue();
    interrupter.join();
    firecracker.release();
  }

  @Test
  void peerIsWhoListens() throws Exception {
    assertThat(api.peer().pid()).isEqualTo((int) ProcessHandle.current().pid());
  }
}
