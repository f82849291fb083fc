package org.rekindle.guest.process.store;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;

/*
 * The load
 *
 * Clients that ask for what is popular. Of a store's records a part is hot, and of the hot ones the
 * first are asked for most: the rank of a request is hot * u^2 for a uniform u, which is a Zipf
 * distribution with exponent 1/2 (P(rank < r) = sqrt(r / hot)). Why not the classical exponent 1: half
 * of all requests would go to the sqrt(hot) most popular records, and a working set of thousands of
 * pages would take minutes to be seen once. One request in COLD_ONE_IN goes anywhere.
 *
 * Ranks are scattered over the keys (times a prime, modulo their number), and keys over the index (by
 * a hash), and records lie in the order in which they were put. So the working set is a fixed part of
 * the memory, wanted in an order that no read-ahead foresees.
 *
 * A request is a get (check the record, digest it), one in 16 is a put (a new value, often of another
 * length, so that records move and blocks go through the free lists), one in 256 is a scan of a piece
 * of the index. All of it follows from the random state alone: the same memory and registers give the
 * same requests, the same digest and the same memory afterwards.
 */

/** Plays the clients of a {@link Store}, one operation at a time. Allocates nothing. */
public final class Load {
  /**
   * Requests for anything at all. They miss the working set, so with a disk that takes 8 ms for a
   * page they alone cost a restored store 8 ms in so many requests of 30 us each: 13 % of its time,
   * until the page is in anyway.
   */
  private static final int COLD_ONE_IN = 2048;

  private static final int PUT_ONE_IN = 16;
  private static final int SCAN_ONE_IN = 256;
  private static final int SCANNED_SLOTS = 64;

  /** Of generated values; the longest has a block of 8 KiB. All are whole words. */
  private static final int LEAST_BYTES = 256;

  private static final int MOST_BYTES = Store.MAX_VALUE_BYTES;

  /** A prime (Knuth's) beyond any number of records, so that multiples of it reach each key. */
  private static final long SCATTER = 2_654_435_761L;

  private static final int RECORDS = Store.LOAD;
  private static final int HOT = Store.LOAD + 8;
  private static final int ROUNDS = Store.LOAD + 16;
  private static final int BEAT = Store.LOAD + 20;

  private final MemorySegment memory;
  private final Store store;

  // Registers.
  private long random;
  private long operations;
  private long digest;
  private long failures;

  private Load(Store store, Registers registers) {
    this.store = store;
    this.memory = store.memory();
    this.random = registers.random();
    this.operations = registers.operations();
    this.digest = registers.digest();
  }

  /**
   * Begins in a new store: puts its records.
   *
   * @throws IllegalStateException if they do not fit
   */
  public static Load begin(Store store, Workload workload, long seed) {
    MemorySegment memory = store.memory();
    memory.set(JAVA_LONG, RECORDS, workload.records());
    memory.set(JAVA_LONG, HOT, workload.hotRecords());
    memory.set(JAVA_INT, ROUNDS, workload.rounds());
    memory.set(JAVA_INT, BEAT, workload.operationsPerBeat());
    Load load = new Load(store, Registers.of(seed));
    for (long key = 0; key < workload.records(); key++) {
      if (!load.put(key)) {
        throw new IllegalStateException(
            "%d of %d records fit into %d bytes"
                .formatted(key, workload.records(), memory.byteSize()));
      }
    }
    return load;
  }

  /** Goes on in a store of which nothing is here yet but its memory. */
  public static Load resume(MemorySegment memory, Registers registers) {
    return new Load(Store.attach(memory), registers);
  }

  public Store store() {
    return store;
  }

  public Registers registers() {
    return new Registers(random, operations, digest);
  }

  /** Operations since the store was made. */
  public long operations() {
    return operations;
  }

  /** A hash of all that was read. */
  public long digest() {
    return digest;
  }

  /** Operations that met a record that was missing or damaged, or a store without room. */
  public long failures() {
    return failures;
  }

  public int operationsPerBeat() {
    return memory.get(JAVA_INT, BEAT);
  }

  /** Does one operation. */
  public void step() {
    random = Mix.next(random);
    long dice = Mix.of(random);
    long key = dice % COLD_ONE_IN == 0 ? anyKey() : hotKey();
    dice >>>= 32;
    boolean done;
    if (dice % SCAN_ONE_IN == 0) {
      done = scan(key);
    } else if (dice % PUT_ONE_IN == 1) {
      done = put(key);
    } else {
      done = get(key);
    }
    if (!done) {
      failures++;
    }
    operations++;
  }

  private long anyKey() {
    random = Mix.next(random);
    return Long.remainderUnsigned(random, memory.get(JAVA_LONG, RECORDS));
  }

  private long hotKey() {
    random = Mix.next(random);
    double uniform = (random >>> 11) * 0x1p-53;
    long rank = (long) (memory.get(JAVA_LONG, HOT) * uniform * uniform);
    return rank * SCATTER % memory.get(JAVA_LONG, RECORDS);
  }

  private boolean get(long key) {
    long record = store.find(key);
    if (record == 0 || !store.isIntact(record)) {
      return false;
    }
    int rounds = memory.get(JAVA_INT, ROUNDS);
    for (int round = 1; round <= rounds; round++) {
      digest = Mix.word(digest, store.hash(record, round));
    }
    return true;
  }

  private boolean scan(long key) {
    for (int i = 0; i < SCANNED_SLOTS; i++) {
      digest = Mix.word(digest, store.recordIn(key + i));
    }
    return true;
  }

  /** Two words in four are random, two say whose they are: about half of it compresses. */
  private boolean put(long key) {
    random = Mix.next(random);
    int words = (int) ((random >>> 33) % ((MOST_BYTES - LEAST_BYTES) / Long.BYTES + 1));
    int bytes = LEAST_BYTES + words * Long.BYTES;
    long record = store.put(key, bytes);
    if (record == 0) {
      return false;
    }
    long data = Store.data(record);
    long value = Mix.of(random);
    for (int at = 0; at < bytes; at += Long.BYTES) {
      value = Mix.next(value);
      memory.set(JAVA_LONG, data + at, (at & 2 * Long.BYTES) == 0 ? value : key);
    }
    store.seal(record);
    return true;
  }
}
