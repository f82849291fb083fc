import java.util.ArrayDeque;
import java.util.SplittableRandom;

/**
 * A transaction workload in a large heap, in the manner of SPECjbb: warehouses with stock, customers
 * and open orders. Prints a line for every thousand transactions.
 *
 * <p>Nine of ten transactions go to one warehouse of ten, as clients of a real system do. A line on standard input
 * moves those on: other input for the same program.
 */
final class Warehouses {
  private static final int WAREHOUSES = 60;
  private static final int ITEMS = 20_000;
  private static final int CUSTOMERS = 6_000;
  private static final int OPEN_ORDERS = 2_000;

  private record Order(int customer, int[] items, byte[] remark) {}

  private static final class Warehouse {
    final int[] stock = new int[ITEMS];
    final byte[][] description = new byte[ITEMS][];
    final long[] balance = new long[CUSTOMERS];
    final ArrayDeque<Order> open = new ArrayDeque<>();
  }

  private static volatile int hot;

  public static void main(String[] arguments) {
    SplittableRandom random = new SplittableRandom(1);
    Warehouse[] warehouses = new Warehouse[WAREHOUSES];
    for (int i = 0; i < WAREHOUSES; i++) {
      warehouses[i] = filled(random);
    }
    Thread listener = new Thread(Warehouses::listen);
    listener.setDaemon(true);
    listener.start();
    for (long transactions = 1; ; transactions++) {
      int share = WAREHOUSES / 10;
      int number = random.nextInt(10) < 9 ? random.nextInt(share) + hot : random.nextInt(WAREHOUSES);
      trade(warehouses[number % WAREHOUSES], random);
      if (transactions % 1000 == 0) {
        System.out.println(transactions);
      }
    }
  }

  private static Warehouse filled(SplittableRandom random) {
    Warehouse warehouse = new Warehouse();
    for (int item = 0; item < ITEMS; item++) {
      warehouse.stock[item] = 1000;
      warehouse.description[item] = new byte[300];
      for (int i = 0; i < 300; i += 6) {
        warehouse.description[item][i] = (byte) random.nextInt();
      }
    }
    return warehouse;
  }

  private static void listen() {
    try {
      while (System.in.read() >= 0) {
        if (System.in.available() == 0) {
          hot += WAREHOUSES / 10;
        }
      }
    } catch (java.io.IOException ended) {
      // No more input.
    }
  }

  private static void trade(Warehouse warehouse, SplittableRandom random) {
    int[] items = new int[5 + random.nextInt(10)];
    int customer = random.nextInt(CUSTOMERS);
    for (int i = 0; i < items.length; i++) {
      items[i] = random.nextInt(ITEMS);
      if (--warehouse.stock[items[i]] < 10) {
        warehouse.stock[items[i]] += 1000;
      }
      warehouse.balance[customer] += warehouse.description[items[i]][6 * (i % 50)];
    }
    warehouse.open.add(new Order(customer, items, new byte[64]));
    if (warehouse.open.size() > OPEN_ORDERS) {
      Order delivered = warehouse.open.remove();
      warehouse.balance[delivered.customer] -= delivered.items.length;
    }
  }
}
