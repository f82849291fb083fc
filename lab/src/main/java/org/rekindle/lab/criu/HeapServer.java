package org.rekindle.lab.criu;

import java.io.EOFException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.zip.CRC32C;

/**
 * A Java program with a heap full of objects, to be dumped: customers with their orders, of whom it
 * tells a checksum over all that they consist of. It has a class of its own, without anything from
 * the rest of this project, and runs in a JVM of its own: {@code HeapServer CUSTOMERS SOCKET}.
 *
 * <p>A request is an int: the number of a customer, or its complement to have the customer made
 * anew. The answer is a long: the checksum.
 */
public final class HeapServer {
  private static final int ORDERS = 20;

  private final ConcurrentHashMap<Integer, Customer> customers = new ConcurrentHashMap<>();

  private HeapServer() {}

  /** About 4 KB of small objects. */
  record Customer(String name, List<Order> orders) {
    static Customer of(int number) {
      Random random = new Random(number);
      List<Order> orders = new ArrayList<>();
      for (int i = 0; i < ORDERS; i++) {
        byte[] note = new byte[80];
        random.nextBytes(note);
        orders.add(
            new Order(
                random.nextLong(),
                "article " + random.nextInt(1_000_000),
                new String(note, StandardCharsets.ISO_8859_1)));
      }
      return new Customer("customer " + number, orders);
    }

    long checksum() {
      CRC32C sum = new CRC32C();
      sum.update(name.getBytes(StandardCharsets.UTF_8));
      ByteBuffer number = ByteBuffer.allocate(Long.BYTES);
      for (Order order : orders) {
        sum.update(number.clear().putLong(order.number).flip());
        sum.update(order.article.getBytes(StandardCharsets.UTF_8));
        sum.update(order.note.getBytes(StandardCharsets.ISO_8859_1));
      }
      return sum.getValue();
    }
  }

  /** What a customer has ordered. */
  record Order(long number, String article, String note) {}

  /** Runs until it is killed. */
  public static void main(String[] arguments) throws IOException {
    HeapServer server = new HeapServer();
    for (int number = 0; number < Integer.parseInt(arguments[0]); number++) {
      server.customers.put(number, Customer.of(number));
    }
    try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      listener.bind(UnixDomainSocketAddress.of(arguments[1]));
      while (true) {
        SocketChannel client = listener.accept();
        Thread.ofPlatform().start(() -> server.serve(client));
      }
    }
  }

  private void serve(SocketChannel client) {
    ByteBuffer request = ByteBuffer.allocateDirect(Integer.BYTES);
    ByteBuffer answer = ByteBuffer.allocateDirect(Long.BYTES);
    try (client) {
      while (true) {
        receive(client, request.clear());
        int asked = request.getInt(0);
        int number = asked < 0 ? ~asked : asked;
        if (asked < 0) {
          customers.put(number, Customer.of(number));
        }
        Customer customer = Objects.requireNonNull(customers.get(number));
        answer.putLong(0, customer.checksum()).clear();
        while (answer.hasRemaining()) {
          client.write(answer);
        }
      }
    } catch (EOFException leave) {
      // The client has asked enough.
    } catch (IOException lost) {
      System.err.println("a client is lost: " + lost);
    }
  }

  private static void receive(SocketChannel client, ByteBuffer into) throws IOException {
    while (into.hasRemaining()) {
      if (client.read(into) < 0) {
        throw new EOFException();
      }
    }
  }
}
