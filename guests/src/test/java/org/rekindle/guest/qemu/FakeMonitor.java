package org.rekindle.guest.qemu;

import java.io.EOFException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.Scanner;
import org.jspecify.annotations.Nullable;
import org.rekindle.json.Json;

/** A monitor that does whatever its script says, for one client after another. */
final class FakeMonitor implements AutoCloseable {
  static final String GREETING =
      """
      {"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian x"}, \
      "capabilities": ["oob"]}}
      """;

  /** What the monitor does with its client; the connection ends when it returns. */
  interface Script {
    void run(Client client) throws IOException;
  }

  private final Path path;
  private final ServerSocketChannel server;
  private final Thread thread;

  FakeMonitor(Path directory, Script script) throws IOException {
    path = directory.resolve("qmp.sock");
    server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(path));
    thread =
        Thread.ofPlatform()
            .daemon()
            .name("fake-monitor")
            .start(() -> {
              while (server.isOpen()) {
                try (SocketChannel channel = server.accept()) {
                  script.run(new Client(channel));
                } catch (IOException gone) {
                  // The client hung up, which is its right; or the test is over.
                }
              }
            });
  }

  Path path() {
    return path;
  }

  @Override
  public void close() throws IOException {
    server.close();
    thread.interrupt(); // closes the client's channel, too
  }

  static final class Client {
    private final SocketChannel channel;
    private final Scanner lines;

    Client(SocketChannel channel) {
      this.channel = channel;
      this.lines = new Scanner(Channels.newInputStream(channel), StandardCharsets.UTF_8);
    }

    void send(String text) throws IOException {
      ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    }

    /**
     * The next command.
     *
     * @throws EOFException if the client is gone
     */
    Map<String, @Nullable Object> receive() throws IOException {
      if (!lines.hasNextLine()) {
        throw new EOFException();
      }
      return Json.parseObject(lines.nextLine());
    }

    void answer(Map<String, @Nullable Object> command, String result) throws IOException {
      send("{\"return\": " + result + ", \"id\": " + Json.compact(command.get("id")) + "}\r\n");
    }

    /** Greets and answers qmp_capabilities. */
    void negotiate() throws IOException {
      send(GREETING);
      answer(receive(), "{}");
    }

    /** Reads until the client hangs up. */
    void swallow() {
      while (lines.hasNextLine()) {
        lines.nextLine();
      }
    }
  }
}
