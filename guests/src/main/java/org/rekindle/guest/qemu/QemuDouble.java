package org.rekindle.guest.qemu;

import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;
import org.rekindle.json.Json;
import org.rekindle.json.Members;

/*
 * A program in QEMU's place
 *
 * What a restore does before and while a guest runs can be exercised where no QEMU is installed, and
 * within a second: this program has a monitor that answers what a restore asks, takes a migration in,
 * and has one virtual CPU, which asks for pages in a random order, one when the other has come. It
 * keeps no memory and checks nothing; tests have stricter ones. It ends with its monitor's client.
 *
 * Its options are those of QEMU that a restore adds, and -m with a size in MiB.
 */

/** Stands in for a QEMU that waits for a migration. */
public final class QemuDouble {
  /** What its image must say of it. */
  public static final SavedMachine MACHINE = new SavedMachine("double", "", 1, "double", true);

  private static final String RAM = "ram";

  private final SocketChannel monitor;
  private final Region ram;
  private final int[] order;
  private final BitSet taken;
  private volatile boolean running;
  private @Nullable SocketChannel migration;
  private int asked; // how many of the order have been asked for, or had come before

  private QemuDouble(SocketChannel monitor, Region ram) {
    this.monitor = monitor;
    this.ram = ram;
    this.taken = new BitSet(ram.pages());
    this.order = shuffled(ram.pages());
  }

  /** The memory of one with so many MiB. */
  public static MemoryMap memory(int mib) {
    return new MemoryMap(List.of(new Region(RAM, (long) mib << 20, MemoryMap.PAGE_BYTES)));
  }

  /** Options: {@code -m MIB -incoming defer -qmp unix:PATH,server=on,wait=off}. */
  public static void main(String[] arguments) throws IOException {
    List<String> options = Arrays.asList(arguments);
    int mib = Integer.parseInt(options.get(options.indexOf("-m") + 1));
    String qmp = options.get(options.indexOf("-qmp") + 1);
    String path = qmp.substring("unix:".length(), qmp.indexOf(','));
    try (ServerSocketChannel server = listen(path);
        SocketChannel client = server.accept()) {
      new QemuDouble(client, memory(mib).region(0)).serve();
    }
  }

  private static ServerSocketChannel listen(String path) throws IOException {
    ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(Path.of(path)));
    return server;
  }

  private static int[] shuffled(int count) {
    SplittableRandom random = new SplittableRandom(count);
    int[] order = new int[count];
    for (int i = 0; i < count; i++) {
      int j = random.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }

  private void serve() throws IOException {
    say(
        """
        {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": "double"}, \
        "capabilities": ["oob"]}}
        """);
    BufferedReader commands =
        new BufferedReader(
            Channels.newReader(monitor, StandardCharsets.UTF_8.newDecoder(), 1 << 12));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      Map<String, @Nullable Object> command = Json.parseObject(line);
      String result = carryOut(command);
      say("{\"return\": %s, \"id\": %s}\r\n".formatted(result, Json.compact(command.get("id"))));
    }
  }

  private String carryOut(Map<String, @Nullable Object> command) throws IOException {
    return switch (Members.text(command, "execute")) {
      case "query-status" -> "{\"status\": \"%s\"}".formatted(running ? "running" : "inmigrate");
      case "query-migrate-capabilities" -> "[{\"capability\": \"postcopy-ram\", \"state\": false}]";
      case "qom-get" -> "\"" + MACHINE.machineType() + "-machine\"";
      case "human-monitor-command" ->
          "\"%s 4 KiB 0x0 0x%x 0x%x\\r\\n\"".formatted(RAM, ram.bytes(), ram.bytes());
      case "migrate-incoming" -> {
        String uri = Members.text(Members.object(command, "arguments"), "uri");
        ServerSocketChannel server = listen(uri.substring("unix:".length()));
        Thread.ofPlatform().daemon().name("migration").start(() -> migrate(server));
        yield "{}";
      }
      default -> "{}";
    };
  }

  private synchronized void say(String text) throws IOException {
    send(monitor, ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
  }

  private static void send(SocketChannel to, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      to.write(bytes);
    }
  }

  private void migrate(ServerSocketChannel server) {
    try (server;
        SocketChannel accepted = server.accept()) {
      migration = accepted;
      takeIn(
          new DataInputStream(new BufferedInputStream(Channels.newInputStream(accepted), 1 << 16)));
    } catch (IOException ended) {
      throw new UncheckedIOException("the migration has ended early", ended);
    }
  }

  private void takeIn(DataInputStream in) throws IOException {
    in.skipNBytes(2 * Integer.BYTES + 1); // magic, version, CONFIGURATION
    in.skipNBytes(in.readInt());
    while (true) {
      int type = in.readUnsignedByte();
      switch (type) {
        case StreamFormat.COMMAND -> command(in);
        case StreamFormat.SECTION_START -> {
          in.skipNBytes(Integer.BYTES);
          in.skipNBytes(in.readUnsignedByte());
          in.skipNBytes(2 * Integer.BYTES + Long.BYTES); // instance, version, size
          in.skipNBytes(in.readUnsignedByte());
          in.skipNBytes(2 * Long.BYTES); // length of the block, EOS
          footer(in);
        }
        case StreamFormat.SECTION_PART, StreamFormat.SECTION_END -> {
          in.skipNBytes(Integer.BYTES);
          records(in);
          footer(in);
        }
        case StreamFormat.EOF -> {
          answer(1, ByteBuffer.allocate(Integer.BYTES)); // SHUT 0
          return;
        }
        default -> throw new EOFException("section type " + type);
      }
    }
  }

  private void command(DataInputStream in) throws IOException {
    int command = in.readUnsignedShort();
    int length = in.readUnsignedShort();
    switch (command) {
      case StreamFormat.COMMAND_PING ->
          answer(2, ByteBuffer.allocate(Integer.BYTES).putInt(in.readInt()).flip());
      case StreamFormat.COMMAND_PACKAGED -> {
        in.skipNBytes(in.readInt());
        running = true;
        long nowUs = System.currentTimeMillis() * 1000;
        say(
            "{\"timestamp\": {\"seconds\": %d, \"microseconds\": %d}, \"event\": \"RESUME\"}\r\n"
                .formatted(nowUs / 1_000_000, nowUs % 1_000_000));
        askForNext();
      }
      default -> in.skipNBytes(length);
    }
  }

  private void records(DataInputStream in) throws IOException {
    for (long word = in.readLong(); word != StreamFormat.FLAG_EOS; word = in.readLong()) {
      int flags = (int) word & StreamFormat.FLAGS_MASK;
      if ((flags & StreamFormat.FLAG_CONTINUE) == 0) {
        in.skipNBytes(in.readUnsignedByte());
      }
      in.skipNBytes((flags & StreamFormat.FLAG_PAGE) != 0 ? MemoryMap.PAGE_BYTES : 1);
      int page = (int) ((word - flags) / MemoryMap.PAGE_BYTES);
      taken.set(page);
      if (running && asked > 0 && page == order[asked - 1]) {
        askForNext();
      }
    }
  }

  private void askForNext() throws IOException {
    while (asked < order.length && taken.get(order[asked])) {
      asked++;
    }
    if (asked < order.length) {
      byte[] name = RAM.getBytes(StandardCharsets.UTF_8);
      ByteBuffer request =
          ByteBuffer.allocate(Long.BYTES + Integer.BYTES + 1 + name.length)
              .putLong((long) order[asked] * MemoryMap.PAGE_BYTES)
              .putInt(MemoryMap.PAGE_BYTES)
              .put((byte) name.length)
              .put(name);
      answer(3, request.flip());
    }
    asked++;
  }

  private static void footer(DataInputStream in) throws IOException {
    in.skipNBytes(1 + Integer.BYTES);
  }

  /** A message of the return path. */
  private void answer(int type, ByteBuffer payload) throws IOException {
    ByteBuffer message = ByteBuffer.allocate(2 * Short.BYTES + payload.remaining());
    message.putShort((short) type).putShort((short) payload.remaining()).put(payload);
    send(Objects.requireNonNull(migration), message.flip());
  }
}
