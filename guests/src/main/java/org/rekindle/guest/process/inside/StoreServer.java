package org.rekindle.guest.process.inside;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.List;
import org.rekindle.guest.process.store.Store;

/**
 * Answers the store's clients, who connect to a Unix socket and write a line for each request.
 *
 * <pre>
 * GET key          VALUE version bytes, a line end, and so many bytes and a line end; or NONE
 * PUT key bytes    and so many bytes behind the line: STORED version; or FULL
 * SCAN from count  KEYS next key key ...: of so many slots of the index; next is where to go on, 0 at
 *                  the end
 *                  ERROR and what is wrong; then the connection is closed
 * </pre>
 *
 * <p>Workers do it, between two operations of the built-in load. While the guest is paused, clients
 * wait.
 */
final class StoreServer implements AutoCloseable {
  private static final int MOST_LINE_BYTES = 100;
  private static final long MOST_SLOTS = 1024;

  private final ServerSocketChannel server;
  private final List<Worker> workers;

  private StoreServer(ServerSocketChannel server, List<Worker> workers) {
    this.server = server;
    this.workers = workers;
  }

  /** Listens; clients are served by threads of their own. */
  static StoreServer listen(Path socket, List<Worker> workers) throws IOException {
    ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    try {
      server.bind(UnixDomainSocketAddress.of(socket));
    } catch (IOException | RuntimeException refused) {
      server.close();
      throw refused;
    }
    StoreServer store = new StoreServer(server, List.copyOf(workers));
    Thread.ofPlatform().daemon().name("store").start(store::accept);
    return store;
  }

  private void accept() {
    try {
      while (true) {
        SocketChannel client = server.accept();
        Thread.ofPlatform().daemon().name("store client").start(() -> serve(client));
      }
    } catch (IOException closed) {
      // The guest ends.
    }
  }

  private void serve(SocketChannel client) {
    try (client;
        InputStream in = new BufferedInputStream(Channels.newInputStream(client));
        OutputStream out = new BufferedOutputStream(Channels.newOutputStream(client), 1 << 14)) {
      try {
        for (String line = line(in); !line.isEmpty(); line = line(in)) {
          answer(line.split(" ", 4), in, out);
          out.flush();
        }
      } catch (IllegalArgumentException refused) {
        out.write(("ERROR " + refused.getMessage() + "\n").getBytes(US_ASCII));
      }
    } catch (IOException gone) {
      // The client has left.
    }
  }

  /** Empty at the end. */
  private static String line(InputStream in) throws IOException {
    StringBuilder line = new StringBuilder();
    for (int c = in.read(); c >= 0 && c != '\n'; c = in.read()) {
      if (line.length() == MOST_LINE_BYTES) {
        throw new IllegalArgumentException("a line is too long");
      }
      line.append((char) c);
    }
    return line.toString();
  }

  private void answer(String[] words, InputStream in, OutputStream out) throws IOException {
    switch (words[0] + " " + words.length) {
      case "GET 2" -> get(number(words[1]), out);
      case "PUT 3" -> put(number(words[1]), number(words[2]), in, out);
      case "SCAN 3" -> scan(number(words[1]), number(words[2]), out);
      default -> throw new IllegalArgumentException("no request: " + String.join(" ", words));
    }
  }

  private static long number(String word) {
    long number = word.matches("\\d{1,18}") ? Long.parseLong(word) : -1;
    if (number < 0) {
      throw new IllegalArgumentException("no number: " + word);
    }
    return number;
  }

  private Worker workerOf(long key) {
    return workers.get((int) (key % workers.size()));
  }

  private static final class Value {
    int version; // 0: there is none
    byte[] bytes = new byte[0];
  }

  private void get(long key, OutputStream out) throws IOException {
    Value value = new Value();
    workerOf(key)
        .mailbox()
        .ask(worker -> {
          Store store = worker.load().store();
          long record = store.find(key / workers.size());
          if (record != 0) {
            value.version = store.version(record);
            value.bytes = new byte[store.bytes(record)];
            MemorySegment.copy(
                worker.memory(), JAVA_BYTE, Store.data(record), value.bytes, 0, value.bytes.length);
          }
        });
    if (value.version == 0) {
      out.write("NONE\n".getBytes(US_ASCII));
    } else {
      out.write("VALUE %d %d\n".formatted(value.version, value.bytes.length).getBytes(US_ASCII));
      out.write(value.bytes);
      out.write('\n');
    }
  }

  private void put(long key, long bytes, InputStream in, OutputStream out) throws IOException {
    if (bytes > Store.MAX_VALUE_BYTES) {
      throw new IllegalArgumentException("a value has at most " + Store.MAX_VALUE_BYTES + " bytes");
    }
    Value value = new Value();
    value.bytes = in.readNBytes((int) bytes);
    if (value.bytes.length < bytes) {
      throw new EOFException("the value is incomplete");
    }
    workerOf(key)
        .mailbox()
        .ask(worker -> {
          Store store = worker.load().store();
          long record = store.put(key / workers.size(), value.bytes.length);
          if (record != 0) {
            MemorySegment.copy(
                value.bytes, 0, worker.memory(), JAVA_BYTE, Store.data(record), value.bytes.length);
            store.seal(record);
            value.version = store.version(record);
          }
        });
    out.write(
        (value.version == 0 ? "FULL\n" : "STORED " + value.version + "\n").getBytes(US_ASCII));
  }

  /** Slots are counted through all workers: those of the first, then those of the second, ... */
  private void scan(long from, long count, OutputStream out) throws IOException {
    if (count > MOST_SLOTS) {
      throw new IllegalArgumentException("a scan has at most " + MOST_SLOTS + " slots");
    }
    StringBuilder keys = new StringBuilder();
    long next = from;
    long left = count;
    long before = 0; // slots of the workers before
    for (int i = 0; i < workers.size() && left > 0; i++) {
      int number = i;
      long first = next - before;
      long wanted = left;
      long[] slots = new long[1];
      workers
          .get(i)
          .mailbox()
          .ask(worker -> {
            Store store = worker.load().store();
            slots[0] = store.slots();
            for (long slot = first; slot < Math.min(first + wanted, slots[0]); slot++) {
              long record = store.recordIn(slot);
              if (record != 0) {
                keys.append(' ').append(store.key(record) * workers.size() + number);
              }
            }
          });
      if (first < slots[0]) {
        long scanned = Math.min(wanted, slots[0] - first);
        left -= scanned;
        next += scanned;
      }
      before += slots[0];
    }
    out.write(("KEYS " + (left > 0 ? 0 : next) + keys + "\n").getBytes(US_ASCII));
  }

  @Override
  public void close() throws IOException {
    server.close();
  }
}
