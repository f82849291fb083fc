package org.rekindle.guest.firecracker;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.rekindle.json.Json;
import org.rekindle.json.Members;

/**
 * Answers as Firecracker's API does, one request after the other, but for what a test has gone
 * wrong.
 */
final class FakeFirecracker implements AutoCloseable {
  private static final String FIELDS = "\r\nServer: Firecracker API\r\nConnection: keep-alive\r\n";
  static final String NO_CONTENT = "HTTP/1.1 204 " + FIELDS + "\r\n";

  /** A request: method, path and body. */
  record Request(String line, String body) {
    Map<String, @Nullable Object> members() {
      return Json.parseObject(body);
    }
  }

  /** Every request that came whole, as "PATCH /vm", in order. */
  final List<String> requests = Collections.synchronizedList(new ArrayList<>());

  /** The body of the last request of each kind. */
  final Map<String, String> bodies = new ConcurrentHashMap<>();

  volatile String state = "Running";
  volatile String memoryPages = "ab..c...";
  volatile byte[] stateFile = SnapshotBuilder.bitcode(SnapshotBuilder.X86_64, "11.0.0");

  /** Requests that are refused, with the reason. */
  volatile Map<String, String> refused = Map.of();

  /** Requests that are answered by these bytes and nothing else, and then the end. */
  volatile Map<String, String> answers = Map.of();

  /** What loading a snapshot does, beside being noted. */
  interface Loader {
    void load(Map<String, @Nullable Object> request) throws IOException;
  }

  volatile Loader loader = request -> {};

  /** A request that is not answered before {@link #release}. */
  volatile String hangsAt = "";

  private final CountDownLatch released = new CountDownLatch(1);
  private final Path path;
  private final ServerSocketChannel server;
  private final Thread thread;

  FakeFirecracker(Path directory) throws IOException {
    path = directory.resolve("api.sock");
    server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(path));
    thread = Thread.ofPlatform().daemon().name("fake-firecracker").start(this::run);
  }

  Path socket() {
    return path;
  }

  /** Lets the request go on at which it hangs. */
  void release() {
    released.countDown();
  }

  private void run() {
    while (server.isOpen()) {
      try (SocketChannel channel = server.accept();
          InputStream in = Channels.newInputStream(channel);
          OutputStream out = Channels.newOutputStream(channel)) {
        while (true) {
          Request request = receive(in);
          requests.add(request.line);
          bodies.put(request.line, request.body);
          String canned = answers.get(request.line);
          out.write((canned != null ? canned : answer(request)).getBytes(ISO_8859_1));
          if (canned != null) {
            break;
          }
        }
      } catch (IOException gone) {
        // The client hung up, which is its right; or the test is over.
      } catch (InterruptedException over) {
        return;
      }
    }
  }

  private static Request receive(InputStream in) throws IOException {
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      int next = in.read();
      if (next < 0) {
        throw new EOFException();
      }
      head.append((char) next);
    }
    String line = head.substring(0, head.indexOf(" HTTP/1.1\r\n"));
    int at = head.indexOf("Content-Length: ");
    int length = at < 0 ? 0 : Integer.parseInt(head.substring(at + 16, head.indexOf("\r\n", at)));
    return new Request(line, new String(in.readNBytes(length), UTF_8));
  }

  private String answer(Request request) throws IOException, InterruptedException {
    if (request.line.equals(hangsAt)) {
      released.await();
    }
    String reason = refused.get(request.line);
    if (reason != null) {
      return answer("400 ", Json.compact(Map.of("fault_message", reason)));
    }
    return switch (request.line) {
      case "GET /" ->
          answer(
              "200 ",
              """
              {"id": "anonymous", "state": "%s", "vmm_version": "1.16.1", "app_name": "Firecracker"}\
              """
                  .formatted(state));
      case "GET /vm/config" ->
          answer(
              "200 ",
              """
              {"drives": [], "machine-config": {"mem_size_mib": 1, "smt": false}, "vsock": null}\
              """);
      case "PATCH /vm" -> {
        state = Members.text(request.members(), "state").equals("Paused") ? "Paused" : "Running";
        yield NO_CONTENT;
      }
      case "PUT /snapshot/create" -> {
        Path memory = Path.of(Members.text(request.members(), "mem_file_path"));
        Files.write(Path.of(Members.text(request.members(), "snapshot_path")), stateFile);
        SnapshotBuilder.memory(memory, memoryPages);
        yield NO_CONTENT;
      }
      case "PUT /snapshot/load" -> {
        loader.load(request.members());
        state = "Paused";
        yield NO_CONTENT;
      }
      default -> answer("400 ", "{\"fault_message\": \"Invalid request method and/or path\"}");
    };
  }

  static String answer(String status, String body) {
    return "HTTP/1.1 %s%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        .formatted(status, FIELDS, body.getBytes(UTF_8).length, body);
  }

  @Override
  public void close() throws IOException {
    server.close();
    thread.interrupt(); // closes the client's channel, too
  }
}
