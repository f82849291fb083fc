package org.rekindle.guest.qemu;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.json.Members;

/** Answers a save as QEMU does, but for what a test has gone wrong. */
final class FakeQemu implements AutoCloseable {
  /** Every command, in order. */
  final List<String> commands = Collections.synchronizedList(new ArrayList<>());

  volatile byte[] stream = StreamBuilder.typical();
  volatile String status = "running";
  volatile String migration = "none";
  volatile String colo = "false";
  volatile boolean backgroundSnapshot;

  /** What query-migrate says once the stream was sent. */
  volatile String outcome = "completed";

  /** Commands that are refused, with the reason. */
  volatile Map<String, String> refused = Map.of();

  /** A command upon which the monitor's connection breaks. */
  volatile String breaksAt = "";

  /** Whether it connects to the socket that it was told. */
  volatile boolean connects = true;

  /** Whether it keeps the stream open, silent, when it has sent all. */
  volatile boolean hangs;

  private @Nullable SocketChannel open;
  private final FakeMonitor monitor;

  FakeQemu(Path directory) throws IOException {
    monitor = new FakeMonitor(directory, this::serve);
  }

  Path monitor() {
    return monitor.path();
  }

  private void serve(FakeMonitor.Client client) throws IOException {
    client.negotiate();
    while (true) {
      Map<String, @Nullable Object> command = client.receive();
      String name = Members.text(command, "execute");
      commands.add(name);
      if (name.equals(breaksAt)) {
        breaksAt = "";
        return;
      }
      String reason = refused.get(name);
      if (reason != null) {
        client.send(
            "{\"error\": {\"class\": \"GenericError\", \"desc\": \"%s\"}, \"id\": \"%s\"}\r\n"
                .formatted(reason, command.get("id")));
      } else {
        client.answer(command, carryOut(client, name, command));
      }
    }
  }

  private String carryOut(
      FakeMonitor.Client client, String name, Map<String, @Nullable Object> command)
      throws IOException {
    switch (name) {
      case "query-status" -> {
        return "{\"status\": \"" + status + "\"}";
      }
      case "query-migrate" -> {
        return migration.equals("none")
            ? "{}"
            : "{\"status\": \"" + migration + "\", \"error-desc\": \"the reason\"}";
      }
      case "query-migrate-capabilities" -> {
        return "[{\"capability\": \"xbzrle\", \"state\": true},"
            + " {\"capability\": \"events\", \"state\": false},"
            + " {\"capability\": \"x-colo\", \"state\": "
            + colo
            + "}"
            + (backgroundSnapshot
                ? ", {\"capability\": \"background-snapshot\", \"state\": false}"
                : "")
            + "]";
      }
      case "query-migrate-parameters" -> {
        return "{\"max-bandwidth\": 134217728, \"tls-creds\": \"\"}";
      }
      case "stop" -> {
        status = "paused";
        event(client, "STOP", 1000);
      }
      case "cont" -> {
        status = "running";
        event(client, "RESUME", 400);
      }
      case "migrate" -> migrate(Members.text(Members.object(command, "arguments"), "uri"));
      case "migrate_cancel" -> migration = "cancelled";
      default -> {}
    }
    return "{}";
  }

  private static void event(FakeMonitor.Client client, String name, long agoMs) throws IOException {
    long thenMs = System.currentTimeMillis() - agoMs;
    client.send(
        "{\"timestamp\": {\"seconds\": %d, \"microseconds\": %d}, \"event\": \"%s\"}\r\n"
            .formatted(thenMs / 1000, thenMs % 1000 * 1000, name));
  }

  private void migrate(String uri) throws IOException {
    if (connects) {
      SocketChannel peer =
          SocketChannel.open(UnixDomainSocketAddress.of(uri.substring("unix:".length())));
      ByteBuffer bytes = ByteBuffer.wrap(stream);
      while (bytes.hasRemaining()) {
        peer.write(bytes);
      }
      if (hangs) {
        migration = "active";
        open = peer;
        return;
      }
      peer.close();
    }
    migration = outcome;
    if (outcome.equals("completed")) {
      status = "postmigrate";
    }
  }

  @Override
  public void close() throws IOException {
    monitor.close();
    if (open != null) {
      Objects.requireNonNull(open).close();
    }
  }
}
