package org.rekindle.guest.qemu;

import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;

/**
 * The destination of a postcopy migration, as strict as QEMU and stricter: what QEMU answers with a
 * hang or a crash is a {@link Violation} here. It holds the memory that it was sent.
 */
final class PostcopyDestination implements AutoCloseable {
  /** The source has broken a rule. */
  static final class Violation extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Violation(String what) {
      super(what);
    }
  }

  /** What a destination may do besides taking pages; called on its thread. */
  interface Behaviour {
    /** LISTEN was read, inside of the package; the devices are loaded now. */
    default void listening(PostcopyDestination destination) throws IOException {}

    /** RUN was read, or the next section of pages begins after that. */
    default void running(PostcopyDestination destination) throws IOException {}

    /** The most that it takes from the socket at once. */
    default int mostBytesAtOnce() {
      return Integer.MAX_VALUE;
    }

    /** So many bytes were read; an exception ends the connection. */
    default void read(PostcopyDestination destination, long bytes) throws IOException {}
  }

  private enum PageState {
    MISSING,
    LOADED,
    DISCARDED,
    PLACED
  }

  private final MemoryMap memory;
  private final Behaviour behaviour;
  private final Path path;
  private final ServerSocketChannel server;
  private final CompletableFuture<Void> ended = new CompletableFuture<>();
  private final Thread thread;

  final byte[] content;
  final List<Integer> placedOrder = new ArrayList<>();
  final List<Integer> pings = new ArrayList<>();
  boolean sendSlowly; // byte by byte
  String machineType = "";
  byte[] deviceState = {};
  private final PageState[] states;
  private @Nullable SocketChannel channel;
  private long bytesRead;
  private int ramSection;
  private int lastRegion = -1;
  private int discards;
  private boolean advised;
  private boolean listening;
  private boolean running;
  private boolean complete;

  /** Reads the preempt channel from LISTEN on; null if the source is to have none. */
  private final @Nullable Thread preempting;

  private final BitSet requested = new BitSet();
  final List<Integer> preempted = Collections.synchronizedList(new ArrayList<>());

  PostcopyDestination(Path directory, MemoryMap memory, int deviceBytes, Behaviour behaviour)
      throws IOException {
    this(directory, memory, deviceBytes, behaviour, false);
  }

  /**
   * @param preempt whether it takes a second connection, as QEMU does with postcopy-preempt on
   */
  PostcopyDestination(
      Path directory, MemoryMap memory, int deviceBytes, Behaviour behaviour, boolean preempt)
      throws IOException {
    this.memory = memory;
    this.preempting =
        preempt ? Thread.ofPlatform().daemon().name("preempt").unstarted(this::preempt) : null;
    this.behaviour = behaviour;
    this.path = directory.resolve("destination.sock");
    this.content = new byte[Math.toIntExact(memory.bytes())];
    this.states = new PageState[memory.pages()];
    Arrays.fill(states, PageState.MISSING);
    this.server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(path));
    this.thread =
        Thread.ofPlatform().daemon().name("destination").start(() -> receive(deviceBytes));
  }

  Path path() {
    return path;
  }

  private void receive(int deviceBytes) {
    try (SocketChannel accepted = server.accept()) {
      channel = accepted;
      stream(new DataInputStream(counted(Channels.newInputStream(accepted))), deviceBytes);
      ended.complete(null);
    } catch (IOException | RuntimeException failed) {
      ended.completeExceptionally(failed);
    }
  }

  private InputStream counted(InputStream in) {
    return new InputStream() {
      @Override
      public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
      }

      @Override
      public int read(byte[] into, int offset, int length) throws IOException {
        int read = in.read(into, offset, Math.min(length, behaviour.mostBytesAtOnce()));
        bytesRead += Math.max(0, read);
        behaviour.read(PostcopyDestination.this, bytesRead);
        return read;
      }
    };
  }

  private void stream(DataInputStream in, int deviceBytes) throws IOException {
    require(in.readInt() == StreamFormat.MAGIC, "magic");
    require(in.readInt() == StreamFormat.VERSION, "version");
    require(in.readUnsignedByte() == StreamFormat.CONFIGURATION, "configuration");
    machineType = new String(in.readNBytes(in.readInt()), StandardCharsets.UTF_8);
    while (true) {
      int type = in.readUnsignedByte();
      switch (type) {
        case StreamFormat.COMMAND -> command(in, deviceBytes);
        case StreamFormat.SECTION_START -> ramStart(in);
        case StreamFormat.SECTION_PART, StreamFormat.SECTION_END -> ramPart(in, type);
        case StreamFormat.EOF -> {
          require(complete && running, "end of file before the end of ram");
          send(1, ByteBuffer.allocate(4).putInt(0).flip());
          require(in.read() < 0, "nothing behind the end of the file");
          return;
        }
        default -> throw new Violation("section type " + type);
      }
    }
  }

  private void command(DataInputStream in, int deviceBytes) throws IOException {
    int command = in.readUnsignedShort();
    int length = in.readUnsignedShort();
    DataInputStream payload = new DataInputStream(new ByteArrayInputStream(in.readNBytes(length)));
    switch (command) {
      case StreamFormat.COMMAND_OPEN_RETURN_PATH -> require(length == 0, "payload");
      case StreamFormat.COMMAND_PING -> {
        int value = payload.readInt();
        pings.add(value);
        send(2, ByteBuffer.allocate(4).putInt(value).flip());
      }
      case StreamFormat.COMMAND_POSTCOPY_ADVISE -> {
        long hostPages = payload.readLong();
        long targetPage = payload.readLong();
        require(hostPages == 4096 && targetPage == 4096, "page sizes");
        advised = true;
      }
      case StreamFormat.COMMAND_POSTCOPY_RAM_DISCARD -> discard(payload, length);
      case StreamFormat.COMMAND_PACKAGED -> {
        require(length == 4, "package length");
        unpack(in.readNBytes(payload.readInt()), deviceBytes);
      }
      default -> throw new Violation("command " + command);
    }
  }

  private void unpack(byte[] blob, int deviceBytes) throws IOException {
    DataInputStream in = new DataInputStream(new ByteArrayInputStream(blob));
    require(
        in.readUnsignedByte() == StreamFormat.COMMAND
            && in.readUnsignedShort() == StreamFormat.COMMAND_POSTCOPY_LISTEN
            && in.readUnsignedShort() == 0,
        "the package begins with LISTEN");
    listen();
    deviceState = in.readNBytes(deviceBytes);
    behaviour.listening(this);
    while (true) {
      require(in.readUnsignedByte() == StreamFormat.COMMAND, "a command behind the devices");
      int command = in.readUnsignedShort();
      int length = in.readUnsignedShort();
      if (command == StreamFormat.COMMAND_PING) {
        int value = in.readInt();
        pings.add(value);
        send(2, ByteBuffer.allocate(4).putInt(value).flip());
      } else {
        require(command == StreamFormat.COMMAND_POSTCOPY_RUN && length == 0, "RUN");
        require(in.read() < 0, "nothing behind RUN");
        running = true;
        behaviour.running(this);
        return;
      }
    }
  }

  private void listen() {
    require(!listening, "one LISTEN");
    require(discards > 0, "a RAM_DISCARD before LISTEN");
    for (int page = 0; page < states.length; page++) {
      require(states[page] != PageState.MISSING, "page " + page + " neither sent nor discarded");
    }
    listening = true;
    if (preempting != null) {
      preempting.start();
    }
  }

  /** Bare records, each with its region, each of a page that was asked for; no end is marked. */
  private void preempt() {
    try (SocketChannel accepted = server.accept()) {
      DataInputStream in = new DataInputStream(Channels.newInputStream(accepted));
      while (true) {
        long word = in.readLong();
        int flags = (int) word & StreamFormat.FLAGS_MASK;
        int region = region(in.readNBytes(in.readUnsignedByte()));
        int page = memory.page(region, (int) ((word - flags) / 4096));
        byte[] data = data(in, flags);
        synchronized (states) {
          require(requested.get(page), "page " + page + " was asked for");
          preempted.add(page);
          take(page, data);
        }
      }
    } catch (EOFException end) {
      // Both ends may close it when all is in.
    } catch (IOException | RuntimeException failed) {
      ended.completeExceptionally(failed);
    }
  }

  /** At the end QEMU waits for what it has asked for, and for nothing else of the channel. */
  private void awaitRequested() throws IOException {
    synchronized (states) {
      while (preempting != null
          && requested.stream().anyMatch(page -> states[page] == PageState.DISCARDED)) {
        try {
          states.wait();
        } catch (InterruptedException interrupted) {
          throw new IOException(interrupted);
        }
      }
    }
  }

  private void discard(DataInputStream payload, int length) throws IOException {
    require(advised && !listening, "RAM_DISCARD between ADVISE and LISTEN");
    require(payload.readUnsignedByte() == 0, "discard version");
    byte[] name = payload.readNBytes(payload.readUnsignedByte());
    int region = region(name);
    require(payload.readUnsignedByte() == 0, "discard separator");
    int ranges = (length - 3 - name.length) / 16;
    require(ranges > 0 && 3 + name.length + 16 * ranges == length, "discard length");
    for (int i = 0; i < ranges; i++) {
      long start = payload.readLong();
      long bytes = payload.readLong();
      require((start | bytes) % 4096 == 0 && bytes > 0, "whole pages are discarded");
      require(start >= 0 && start + bytes <= memory.region(region).bytes(), "inside the region");
      int page = memory.page(region, (int) (start / 4096));
      for (int k = 0; k < bytes / 4096; k++) {
        require(states[page + k] == PageState.MISSING, "page " + page + " is not yet in");
        states[page + k] = PageState.DISCARDED;
      }
    }
    discards++;
  }

  private void ramStart(DataInputStream in) throws IOException {
    require(advised, "ADVISE before the list of blocks");
    ramSection = in.readInt();
    require(
        new String(in.readNBytes(in.readUnsignedByte()), StandardCharsets.UTF_8).equals("ram"),
        "section of ram");
    require(in.readInt() == 0 && in.readInt() == 4, "instance and version");
    require(in.readLong() == (memory.bytes() | StreamFormat.FLAG_MEM_SIZE), "length of memory");
    for (int i = 0; i < memory.regions().size(); i++) {
      require(region(in.readNBytes(in.readUnsignedByte())) == i, "regions in order");
      require(in.readLong() == memory.region(i).bytes(), "length of region");
    }
    require(in.readLong() == StreamFormat.FLAG_EOS, "end of the list");
    footer(in);
  }

  private void ramPart(DataInputStream in, int type) throws IOException {
    require(in.readInt() == ramSection, "section id");
    require(!complete, "nothing behind END");
    lastRegion = -1; // stricter than QEMU: our sections may overtake each other
    for (long word = in.readLong(); word != StreamFormat.FLAG_EOS; word = in.readLong()) {
      record(in, word);
    }
    footer(in);
    if (type == StreamFormat.SECTION_END) {
      awaitRequested();
      for (int page = 0; page < states.length; page++) {
        require(
            states[page] == PageState.LOADED || states[page] == PageState.PLACED,
            "page " + page + " was never sent");
      }
      complete = true;
    } else if (running) {
      behaviour.running(this);
    }
  }

  private void record(DataInputStream in, long word) throws IOException {
    int flags = (int) word & StreamFormat.FLAGS_MASK;
    if ((flags & StreamFormat.FLAG_CONTINUE) == 0) {
      lastRegion = region(in.readNBytes(in.readUnsignedByte()));
    }
    require(lastRegion >= 0, "CONTINUE without a region");
    long at = word - flags;
    require(at >= 0 && at < memory.region(lastRegion).bytes(), "page inside the region");
    int page = memory.page(lastRegion, (int) (at / 4096));
    byte[] data = data(in, flags & ~StreamFormat.FLAG_CONTINUE);
    synchronized (states) {
      take(page, data);
    }
  }

  private static byte[] data(DataInputStream in, int flags) throws IOException {
    byte[] data = new byte[4096];
    switch (flags) {
      case StreamFormat.FLAG_PAGE -> in.readFully(data);
      case StreamFormat.FLAG_ZERO -> require(in.readUnsignedByte() == 0, "zero page");
      default -> throw new Violation("flags " + Integer.toHexString(flags));
    }
    return data;
  }

  private void take(int page, byte[] data) {
    require(
        states[page] == (listening ? PageState.DISCARDED : PageState.MISSING),
        "page %d is sent once, but it is %s".formatted(page, states[page]));
    states[page] = listening ? PageState.PLACED : PageState.LOADED;
    System.arraycopy(data, 0, content, page * 4096, 4096);
    if (listening) {
      placedOrder.add(page);
    }
    states.notifyAll();
  }

  private void footer(DataInputStream in) throws IOException {
    require(in.readUnsignedByte() == StreamFormat.FOOTER && in.readInt() == ramSection, "footer");
  }

  private int region(byte[] name) {
    int region = memory.indexOf(new String(name, StandardCharsets.UTF_8));
    require(region >= 0, "known region");
    return region;
  }

  private static void require(boolean kept, String rule) {
    if (!kept) {
      throw new Violation("broken rule: " + rule);
    }
  }

  /** Asks for the host page at a byte of a region, naming the region or as the one before. */
  void request(int region, long start, int bytes, boolean named) throws IOException {
    if (start >= 0 && start + bytes <= memory.region(region).bytes()) {
      synchronized (states) {
        int first = memory.page(region, (int) (start / 4096));
        requested.set(first, first + bytes / 4096);
      }
    }
    byte[] name = memory.region(region).name().getBytes(StandardCharsets.UTF_8);
    ByteBuffer payload = ByteBuffer.allocate(13 + name.length).putLong(start).putInt(bytes);
    if (named) {
      payload.put((byte) name.length).put(name);
    }
    send(named ? 3 : 4, payload.flip());
  }

  void request(int page) throws IOException {
    int region = memory.regionOf(page);
    request(region, 4096L * memory.gpn(page), 4096, true);
  }

  void send(int type, ByteBuffer payload) throws IOException {
    ByteBuffer message = ByteBuffer.allocate(4 + payload.remaining());
    message.putShort((short) type).putShort((short) payload.remaining()).put(payload);
    sendRaw(message.flip());
  }

  void sendRaw(ByteBuffer bytes) throws IOException {
    SocketChannel peer = channel;
    if (peer == null) {
      throw new EOFException("not connected");
    }
    int end = bytes.limit();
    while (bytes.position() < end) {
      peer.write(bytes.limit(sendSlowly ? bytes.position() + 1 : end));
    }
  }

  /** Waits until the source has closed; throws what has gone wrong at this end. */
  void join() {
    ended.orTimeout(20, TimeUnit.SECONDS).join();
  }

  /** A source that was wronged by this double ends early; only a broken rule counts then. */
  void throwIfViolated() {
    if (ended.isCompletedExceptionally() && ended.exceptionNow() instanceof Violation violation) {
      throw violation;
    }
  }

  @Override
  public void close() throws IOException {
    server.close();
    if (preempting != null) {
      preempting.interrupt();
    }
    thread.interrupt(); // closes the channel, too
  }
}
