package org.rekindle.guest.firecracker;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.SocketTimeoutException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.rekindle.json.Json;
import org.rekindle.json.Members;
import org.rekindle.linux.PeerCredentials;
import org.rekindle.linux.Poller;
import org.rekindle.linux.UnixSocket;

/*
 * One connection for each request
 *
 * Firecracker's API thread does one request after the other, and each waits until the VMM has done
 * it; answers come in order and at once afterwards. So there is nothing to keep a connection for: a
 * new one costs microseconds, a request that failed leaves no half answer in the way of the next,
 * and a second object can queue a "Resumed" behind a snapshot that takes long.
 *
 * Why not a library: see docs/adr.
 */

/**
 * A client of Firecracker's API on its Unix socket. One thread makes requests, any thread may
 * {@linkplain #close close}.
 *
 * <p>Failures are {@link FirecrackerException} (Firecracker refused, in its own words), {@link
 * SocketTimeoutException} (no answer in time; Firecracker may still do it), {@link
 * InterruptedIOException} (closed, or the thread was interrupted) or another {@link IOException}
 * (the connection is gone, or what answers is not Firecracker).
 *
 * @see <a
 *     href="https://github.com/firecracker-microvm/firecracker/blob/main/src/firecracker/swagger/firecracker.yaml">
 *     firecracker.yaml</a>
 */
public final class FirecrackerApi implements AutoCloseable {
  /** What needs no more than a look, or stops and starts virtual CPUs. */
  static final Duration AT_ONCE = Duration.ofSeconds(30);

  /** How often a waiting thread looks whether it has been interrupted. */
  private static final long LOOK_NS = 100_000_000;

  private static final int BUFFER_BYTES = 16 << 10;

  private final Path socket;
  private final AtomicReference<@Nullable Poller> waiting = new AtomicReference<>();
  private volatile boolean closed;

  /**
   * @param socket as Firecracker was told by {@code --api-sock}
   */
  public FirecrackerApi(Path socket) {
    this.socket = socket;
  }

  /**
   * What a Firecracker says of itself.
   *
   * @param state {@code "Not started"}, {@code "Running"} or {@code "Paused"}
   * @param vmmVersion such as {@code "1.16.1"}
   */
  record Instance(String id, String state, String vmmVersion) {
    static final String NOT_STARTED = "Not started";
    static final String RUNNING = "Running";
  }

  /** Who listens at the socket. */
  PeerCredentials peer() throws IOException {
    try (UnixSocket connection = connect()) {
      return connection.peerCredentials();
    }
  }

  Instance instance() throws IOException {
    return understood(
        "GET /",
        get("/"),
        members ->
            new Instance(
                Members.text(members, "id"),
                Members.text(members, "state"),
                Members.text(members, "vmm_version")));
  }

  /** Bytes of guest memory, all that can be plugged in later included. */
  long memoryBytes() throws IOException {
    return understood(
        "GET /vm/config",
        get("/vm/config"),
        members -> {
          long mebibytes =
              Members.integer(Members.object(members, "machine-config"), "mem_size_mib");
          if (members.get("memory-hotplug") != null) {
            mebibytes +=
                Members.integer(Members.object(members, "memory-hotplug"), "total_size_mib");
          }
          if (mebibytes <= 0 || mebibytes > Long.MAX_VALUE >> 20) {
            throw new IllegalArgumentException("memory of " + mebibytes + " MiB");
          }
          return mebibytes << 20;
        });
  }

  /** Stops the virtual CPUs; does nothing if they stand still already. */
  void pause() throws IOException {
    call("PATCH", "/vm", Map.of("state", "Paused"), AT_ONCE);
  }

  /** Lets the virtual CPUs run; does nothing if they do already. */
  void resume() throws IOException {
    resume(AT_ONCE);
  }

  /** As above, behind whatever Firecracker is still doing. */
  void resume(Duration limit) throws IOException {
    call("PATCH", "/vm", Map.of("state", "Resumed"), limit);
  }

  /**
   * Writes a snapshot of a paused microVM.
   *
   * @param state file to write, by the name that Firecracker sees
   * @param memory file to write, likewise
   */
  void createSnapshot(String state, String memory, Duration limit) throws IOException {
    Map<String, Object> wish = new LinkedHashMap<>();
    wish.put("snapshot_type", "Full");
    wish.put("snapshot_path", state);
    wish.put("mem_file_path", memory);
    call("PUT", "/snapshot/create", wish, limit);
  }

  /** Loads a snapshot into a Firecracker that has not started a microVM. */
  void loadSnapshot(Map<String, ?> wish, Duration limit) throws IOException {
    call("PUT", "/snapshot/load", wish, limit);
  }

  private interface Reading<T> {
    T of(Map<String, @Nullable Object> members);
  }

  private <T> T understood(String request, Answer answer, Reading<T> reading) throws IOException {
    try {
      return reading.of(Json.parseObject(answer.body()));
    } catch (IllegalArgumentException strange) {
      throw new IOException(
          "strange answer from %s to %s: %s".formatted(socket, request, strange.getMessage()),
          strange);
    }
  }

  private Answer get(String path) throws IOException {
    return call("GET", path, null, AT_ONCE);
  }

  /** Makes a request; whatever is no success is an exception. */
  private Answer call(String method, String path, @Nullable Map<String, ?> body, Duration limit)
      throws IOException {
    String request = method + " " + path;
    Answer answer = exchange(request, text(request, body), limit);
    if (!answer.isSuccess()) {
      throw new FirecrackerException(request, answer.status(), fault(answer.body()));
    }
    return answer;
  }

  private static byte[] text(String request, @Nullable Map<String, ?> body) {
    byte[] json = body == null ? new byte[0] : Json.compact(body).getBytes(UTF_8);
    String head = request + " HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n";
    if (body != null) {
      head += "Content-Type: application/json\r\nContent-Length: " + json.length + "\r\n";
    }
    byte[] start = (head + "\r\n").getBytes(UTF_8);
    byte[] all = new byte[start.length + json.length];
    System.arraycopy(start, 0, all, 0, start.length);
    System.arraycopy(json, 0, all, start.length, json.length);
    return all;
  }

  /**
   * Firecracker's own words in the body of a refusal; its HTTP server has another name for them.
   */
  private static String fault(String body) {
    try {
      Map<String, @Nullable Object> members = Json.parseObject(body);
      for (String name : new String[] {"fault_message", "error"}) {
        if (members.get(name) instanceof String words) {
          return AnswerReader.shown(words);
        }
      }
    } catch (IllegalArgumentException noJson) {
      // Its server puts texts with line ends between quotes, which is none.
    }
    return AnswerReader.shown(body);
  }

  private UnixSocket connect() throws IOException {
    try {
      return UnixSocket.connect(socket);
    } catch (IOException | IllegalArgumentException refused) {
      throw new IOException("cannot reach Firecracker's API: " + refused.getMessage(), refused);
    }
  }

  private Answer exchange(String request, byte[] bytes, Duration limit) throws IOException {
    long deadlineNs = System.nanoTime() + limit.toNanos();
    checkWanted(request);
    try (UnixSocket connection = connect();
        Poller poller = new Poller(1);
        Arena arena = Arena.ofConfined()) {
      waiting.set(poller);
      int row = poller.add(connection.fd());
      MemorySegment out = arena.allocateFrom(JAVA_BYTE, bytes);
      for (long sent = 0; sent < bytes.length; ) {
        int more = connection.send(out, sent, bytes.length - sent);
        if (more == UnixSocket.CLOSED) {
          break; // it may have said why before it hung up
        }
        if (more == UnixSocket.WOULD_BLOCK) {
          poller.interest(row, false, true);
          await(poller, request, limit, deadlineNs);
        } else {
          sent += more;
        }
      }
      poller.interest(row, true, false);
      AnswerReader reader = new AnswerReader();
      MemorySegment in = arena.allocate(BUFFER_BYTES);
      byte[] chunk = new byte[BUFFER_BYTES];
      while (true) {
        int received = connection.receive(in, 0, BUFFER_BYTES);
        if (received == UnixSocket.CLOSED) {
          throw gone(request, reader.progress());
        }
        if (received == UnixSocket.WOULD_BLOCK) {
          await(poller, request, limit, deadlineNs);
          continue;
        }
        MemorySegment.copy(in, JAVA_BYTE, 0, chunk, 0, received);
        Answer answer = reader.take(chunk, received);
        if (answer != null) {
          return answer;
        }
      }
    } catch (IllegalArgumentException noAnswer) {
      throw new IOException(
          "what answers %s at %s is not Firecracker: %s"
              .formatted(request, socket, noAnswer.getMessage()),
          noAnswer);
    } finally {
      waiting.set(null);
    }
  }

  private IOException gone(String request, String when) {
    return new IOException(
        "Firecracker closed its API at %s %s to %s; its log says why"
            .formatted(socket, when, request));
  }

  /** Waits for the connection; ends with an exception when the time is over or nobody wants it. */
  private void await(Poller poller, String request, Duration limit, long deadlineNs)
      throws IOException {
    checkWanted(request);
    long leftNs = deadlineNs - System.nanoTime();
    if (leftNs <= 0) {
      throw new SocketTimeoutException(
          "Firecracker did not answer %s within %d s".formatted(request, limit.toSeconds()));
    }
    poller.poll(Math.min(leftNs, LOOK_NS));
  }

  private void checkWanted(String request) throws InterruptedIOException {
    if (closed || Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException("cancelled at " + request);
    }
  }

  /** Gives up what is being waited for, and all later requests; from any thread. */
  @Override
  public void close() {
    closed = true;
    Poller poller = waiting.get();
    if (poller != null) {
      poller.wake();
    }
  }
}
