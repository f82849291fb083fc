package org.rekindle.guest.qemu;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.rekindle.json.Json;
import org.rekindle.json.Members;

/*
 * One connection, one reader
 *
 * A reader thread owns the receiving side: it hands each reply to the command that waits for it (by
 * id) and each event to the listeners. Any thread may send. Nothing here can wait for ever:
 *
 * - a reply is waited for with a timeout; a command that timed out stays in flight, since QEMU will
 *   still carry it out, and its late reply is dropped when it comes;
 * - sending cannot block, because at most MAX_IN_FLIGHT commands of MAX_COMMAND_BYTES are under way
 *   and all of them together fit the kernel's socket buffer (212,992 bytes by default). That limit
 *   costs nothing: QEMU itself stops reading at eight queued commands;
 * - when the connection ends, for whatever reason, every waiting command fails with that reason.
 */

/**
 * A client of QEMU's monitor protocol (QMP) on a Unix socket.
 *
 * <p>Thread-safe. Failures are {@link QmpException} (QEMU refused), {@link SocketTimeoutException}
 * (no answer in time; the connection stays usable) or another {@link IOException} (the connection
 * is gone, and why).
 *
 * @see <a href="https://www.qemu.org/docs/master/interop/qmp-spec.html">QMP specification</a>
 */
public final class Qmp implements AutoCloseable {
  /** The largest reply known, that of query-qmp-schema, has about 400 kB in QEMU 10. */
  private static final int MAX_MESSAGE_BYTES = 16 << 20;

  private static final int MAX_COMMAND_BYTES = 16 << 10;
  private static final int MAX_IN_FLIGHT = 8;

  /** For the reader, which is woken: it waits for nothing but a busy machine. */
  private static final Duration LEAVING = Duration.ofSeconds(5);

  private record InFlight(String command, CompletableFuture<@Nullable Object> reply) {}

  private final Path path;
  private final Duration timeout;
  private final MonitorSocket socket;
  private final Thread reader;
  private final JsonSplitter splitter = new JsonSplitter(MAX_MESSAGE_BYTES);
  private final CopyOnWriteArrayList<Consumer<QmpEvent>> listeners = new CopyOnWriteArrayList<>();
  private final CompletableFuture<Map<String, @Nullable Object>> greeting =
      new CompletableFuture<>();

  private final Object lock = new Object();
  private final Map<String, InFlight> inFlight = new HashMap<>(); // guarded by lock
  private long lastId; // guarded by lock
  private @Nullable IOException ended; // guarded by lock: why nothing more can be sent

  private @Nullable QemuVersion version;
  private boolean oob;

  private Qmp(Path path, Duration timeout, MonitorSocket socket) {
    this.path = path;
    this.timeout = timeout;
    this.socket = socket;
    this.reader = Thread.ofPlatform().daemon().name("qmp-reader").unstarted(this::read);
  }

  /**
   * Connects and negotiates, with out-of-band execution where QEMU offers it.
   *
   * @param timeout for the greeting, and for each command that names no timeout of its own
   */
  public static Qmp connect(Path socket, Duration timeout) throws IOException {
    MonitorSocket connection;
    try {
      connection = MonitorSocket.connect(socket);
    } catch (IOException refused) {
      throw new IOException(
          "cannot connect to QEMU's monitor at " + socket + ": " + refused.getMessage(), refused);
    }
    Qmp qmp = new Qmp(socket, timeout, connection);
    qmp.reader.start();
    try {
      qmp.negotiate();
      return qmp;
    } catch (IOException | RuntimeException failed) {
      qmp.close();
      throw failed;
    }
  }

  private void negotiate() throws IOException {
    Map<String, @Nullable Object> hello =
        await(
            greeting,
            timeout,
            "no greeting from "
                + path
                + ": another client may be connected to this monitor, or it is not a QMP socket");
    try {
      version = QemuVersion.from(Members.object(hello, "version"));
    } catch (IllegalArgumentException strange) {
      throw new IOException("strange greeting from " + path + ": " + strange.getMessage(), strange);
    }
    oob = hello.get("capabilities") instanceof List<?> offered && offered.contains("oob");
    execute("qmp_capabilities", oob ? Map.of("enable", List.of("oob")) : Map.of());
  }

  /** The number of QEMU's process, as the kernel knows it of the socket; 0 if we cannot see it. */
  public int pid() throws IOException {
    return socket.peerPid();
  }

  /** The version in QEMU's greeting. */
  public QemuVersion version() {
    return Objects.requireNonNull(version);
  }

  /** Whether {@link #executeOob} may be used. */
  public boolean hasOob() {
    return oob;
  }

  /** Whether commands can still be sent. */
  public boolean isOpen() {
    synchronized (lock) {
      return ended == null;
    }
  }

  /** As {@link #execute(String, Map)}, without arguments. */
  public Map<String, @Nullable Object> execute(String command) throws IOException {
    return execute(command, Map.of());
  }

  /** Executes a command whose result is an object (empty for most commands that do something). */
  public Map<String, @Nullable Object> execute(String command, Map<String, ?> arguments)
      throws IOException {
    return asObject(command, call("execute", command, arguments, timeout));
  }

  /** As {@link #execute(String, Map)}, with a timeout of its own. */
  public Map<String, @Nullable Object> execute(
      String command, Map<String, ?> arguments, Duration timeout) throws IOException {
    return asObject(command, call("execute", command, arguments, timeout));
  }

  /**
   * Executes a command out of band: QEMU's monitor thread carries it out at once, even while the
   * main loop is stuck. Only a few commands allow it.
   */
  public Map<String, @Nullable Object> executeOob(String command, Map<String, ?> arguments)
      throws IOException {
    if (!oob) {
      throw new IOException("QEMU at " + path + " does not offer out-of-band execution");
    }
    return asObject(command, call("exec-oob", command, arguments, timeout));
  }

  /** Executes a command whose result is a list of objects, such as {@code query-block}. */
  public List<Map<String, @Nullable Object>> executeForList(
      String command, Map<String, ?> arguments) throws IOException {
    Object result = call("execute", command, arguments, timeout);
    try {
      return Members.objects(result, command);
    } catch (IllegalArgumentException strange) {
      throw new IOException("strange answer from " + path + ": " + strange.getMessage(), strange);
    }
  }

  /** Executes a command whose result is text, such as {@code human-monitor-command}. */
  public String executeForText(String command, Map<String, ?> arguments) throws IOException {
    if (call("execute", command, arguments, timeout) instanceof String text) {
      return text;
    }
    throw new IOException("strange answer from " + path + " to " + command + ": not a text");
  }

  /**
   * Gives QEMU an open file under a name, for a command that takes one by name.
   *
   * @param fd stays the caller's to close
   */
  public void give(String name, int fd) throws IOException {
    call("execute", "getfd", Map.of("fdname", name), timeout, fd);
  }

  /**
   * Has every later event handed to {@code listener}, on the reader thread: it must not wait and
   * must not execute commands.
   *
   * @return closing it ends the subscription
   */
  public Subscription subscribe(Consumer<QmpEvent> listener) {
    listeners.add(listener);
    return () -> listeners.remove(listener);
  }

  /** A listener's registration. */
  public interface Subscription extends AutoCloseable {
    @Override
    void close();
  }

  /** Ends the connection; commands still waiting fail. The monitor is free for others then. */
  @Override
  public void close() {
    end(new IOException("the connection to QEMU's monitor at " + path + " was closed by us"));
    if (Thread.currentThread() != reader) {
      boolean interrupted = Thread.interrupted();
      try {
        reader.join(LEAVING);
      } catch (InterruptedException again) {
        interrupted = true;
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @SuppressWarnings("unchecked")
  private Map<String, @Nullable Object> asObject(String command, @Nullable Object result)
      throws IOException {
    if (result instanceof Map<?, ?> map) {
      return (Map<String, @Nullable Object>) map;
    }
    throw new IOException("strange answer from " + path + " to " + command + ": not an object");
  }

  private @Nullable Object call(
      String verb, String command, Map<String, ?> arguments, Duration timeout, int... descriptors)
      throws IOException {
    if (Thread.currentThread() == reader) {
      throw new IllegalStateException("a listener must not execute commands: " + command);
    }
    if (Thread.currentThread().isInterrupted()) { // its reply would not be waited for
      throw new InterruptedIOException("interrupted before \"" + command + "\" was sent");
    }
    CompletableFuture<@Nullable Object> reply = new CompletableFuture<>();
    synchronized (lock) {
      if (ended != null) {
        throw new IOException("cannot send \"" + command + "\": " + ended.getMessage(), ended);
      }
      if (inFlight.size() >= MAX_IN_FLIGHT) {
        throw new IOException(
            "QEMU at %s is stuck: %d commands are unanswered, \"%s\" was not sent"
                .formatted(path, inFlight.size(), command));
      }
      String id = "r" + ++lastId;
      Map<String, Object> message = new LinkedHashMap<>();
      message.put(verb, command);
      if (!arguments.isEmpty()) {
        message.put("arguments", arguments);
      }
      message.put("id", id);
      byte[] bytes = (Json.compact(message) + "\n").getBytes(StandardCharsets.UTF_8);
      if (bytes.length > MAX_COMMAND_BYTES) {
        throw new IOException("the command \"" + command + "\" is too long: " + bytes.length);
      }
      inFlight.put(id, new InFlight(command, reply));
      try {
        socket.send(bytes, descriptors);
      } catch (IOException gone) {
        end(new IOException("QEMU's monitor at " + path + " is gone: " + gone.getMessage(), gone));
      }
    }
    return await(reply, timeout, "QEMU at " + path + " did not answer \"" + command + "\" in time");
  }

  private <T extends @Nullable Object> T await(
      CompletableFuture<T> reply, Duration timeout, String otherwise) throws IOException {
    try {
      return reply.get(timeout.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException late) {
      SocketTimeoutException failure =
          new SocketTimeoutException(otherwise + " (waited " + timeout.toMillis() + " ms)");
      failure.initCause(late);
      throw failure;
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw (IOException)
          new InterruptedIOException("interrupted while waiting for " + path)
              .initCause(interrupted);
    } catch (ExecutionException failed) {
      // A new exception, so that the stack trace shows who asked.
      if (failed.getCause() instanceof QmpException refused) {
        QmpException mine =
            new QmpException(refused.command(), refused.errorClass(), refused.description());
        mine.initCause(refused);
        throw mine;
      }
      throw new IOException(
          Objects.requireNonNull(failed.getCause()).getMessage(), failed.getCause());
    }
  }

  private void read() {
    try {
      for (ByteBuffer input = socket.receive(); input != null; input = socket.receive()) {
        splitter.feed(input, this::dispatch);
      }
      end(new IOException("QEMU closed its monitor at " + path));
    } catch (IOException | RuntimeException broken) {
      end(new IOException("lost QEMU's monitor at " + path + ": " + broken.getMessage(), broken));
    } finally {
      synchronized (lock) { // nobody sends
        socket.release();
      }
    }
  }

  private void dispatch(String text) {
    Map<String, @Nullable Object> message = Json.parseObject(text);
    if (message.get("event") instanceof String name) {
      QmpEvent event = event(name, message);
      listeners.forEach(listener -> listener.accept(event));
    } else if (message.containsKey("QMP")) {
      if (!greeting.complete(Members.object(message, "QMP"))) {
        throw new IllegalArgumentException("a second greeting");
      }
    } else {
      reply(message);
    }
  }

  /** A reply is checked before its command is taken out of flight, so that none is left waiting. */
  private void reply(Map<String, @Nullable Object> message) {
    InFlight waiting;
    synchronized (lock) {
      waiting = message.get("id") instanceof String id ? inFlight.get(id) : null;
    }
    if (message.containsKey("error")) {
      Map<String, @Nullable Object> error = Members.object(message, "error");
      String errorClass = Members.text(error, "class");
      String description = Members.text(error, "desc");
      if (waiting == null) {
        throw new IllegalArgumentException("an error without a command: " + description);
      }
      landed(message);
      waiting.reply.completeExceptionally(
          new QmpException(waiting.command, errorClass, description));
    } else if (waiting == null) {
      throw new IllegalArgumentException(
          "a reply to a command that was never sent, id " + message.get("id"));
    } else if (!message.containsKey("return")) {
      throw new IllegalArgumentException("a reply without result to " + waiting.command);
    } else {
      landed(message);
      waiting.reply.complete(message.get("return"));
    }
  }

  private void landed(Map<String, @Nullable Object> message) {
    synchronized (lock) {
      inFlight.remove(message.get("id"));
    }
  }

  /** Carries the stamp over from wall clock to monotonic clock by the age of the event now. */
  private static QmpEvent event(String name, Map<String, @Nullable Object> message) {
    long nowNs = System.nanoTime();
    long ageNs = 0;
    if (message.get("timestamp") instanceof Map<?, ?> stamp
        && stamp.get("seconds") instanceof Long seconds
        && stamp.get("microseconds") instanceof Long microseconds
        && seconds >= 0
        && seconds < 1L << 40
        && microseconds >= 0
        && microseconds < 1_000_000) { // both are -1 where QEMU could not read the clock
      Instant happened = Instant.ofEpochSecond(seconds, microseconds * 1000);
      ageNs = ChronoUnit.MICROS.between(happened, Instant.now()) * 1000;
    }
    Map<String, @Nullable Object> data =
        message.containsKey("data") ? Members.object(message, "data") : Map.of();
    return new QmpEvent(name, data, nowNs - Math.max(0, ageNs));
  }

  private void end(IOException reason) {
    List<InFlight> abandoned;
    synchronized (lock) {
      if (ended == null) {
        ended = reason;
      }
      abandoned = List.copyOf(inFlight.values());
      inFlight.clear();
    }
    greeting.completeExceptionally(reason);
    abandoned.forEach(waiting -> waiting.reply.completeExceptionally(reason));
    socket.close();
  }
}
