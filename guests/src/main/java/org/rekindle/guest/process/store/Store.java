package org.rekindle.guest.process.store;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;

/*
 * A store in raw memory
 *
 *        0   superblock, one page: u64 each
 *              0  magic                    8  bytes of memory
 *             16  nonce                   24  slots of the index, a power of two
 *             32  records                 40  puts, since the store was made
 *             64  Slabs                  256  room for the load's parameters
 *     4096   index: slots of 16 bytes
 *              0  key                      8  offset of the record; 0: free slot
 *      ...   heap of Slabs: a record is one block
 *              0  u64 key                  8  u32 version, from 1
 *             12  u32 bytes of data       16  u64 check, over key, version, length and data
 *             24  data
 *
 * Open addressing with linear probing: a look-up touches one page of the index as a rule, and the
 * record's. A put writes a new version over the old one, or moves the record to a block of another
 * size. Nothing is ever deleted, so that probing needs no tombstones.
 *
 * How damage shows: whatever is read is checked, and the versions of all records add up to the
 * counter of puts. So a page that came back with the bytes of an earlier time is found as well as one
 * with the bytes of another place.
 */

/** A map from numbers to values of up to 8 KiB, for one thread. Allocates nothing. */
public final class Store {
  /** The largest value: its record fits the largest block. */
  public static final int MAX_VALUE_BYTES = Slabs.LARGEST_BLOCK - Store.DATA;

  /** Where the load has its parameters. */
  static final int LOAD = 256;

  static final int DATA = 24;

  private static final long MAGIC = 0x31_45_52_4f_54_53_4b_52L; // "RKSTORE1", little-endian
  private static final int BYTES = 8;
  private static final int NONCE = 16;
  private static final int SLOTS = 24;
  private static final int RECORDS = 32;
  private static final int PUTS = 40;
  private static final int SLABS = 64;
  private static final int INDEX = 4096;
  private static final int SLOT_BYTES = 16;
  private static final int SLOT_RECORD = 8;
  private static final int VERSION = 8;
  private static final int LENGTH = 12;
  private static final int CHECK = 16;

  private final MemorySegment memory;
  private final Slabs slabs;

  private Store(MemorySegment memory, Slabs slabs) {
    this.memory = memory;
    this.slabs = slabs;
  }

  /**
   * Makes an empty store.
   *
   * @param memory of zeros, at the beginning of a page
   * @param records how many it shall hold
   * @param nonce by which it is recognised
   */
  public static Store format(MemorySegment memory, long records, long nonce) {
    // At most two thirds of the slots are taken: then a probe looks at two slots on average.
    long slots = Math.max(16, Long.highestOneBit(records + records / 2) * 2);
    long heap = INDEX + slots * SLOT_BYTES;
    if (records < 1 || heap + Slabs.LARGEST_BLOCK > memory.byteSize()) {
      throw new IllegalArgumentException(
          "an index of %d records does not fit into %d bytes"
              .formatted(records, memory.byteSize()));
    }
    memory.set(JAVA_LONG, BYTES, memory.byteSize());
    memory.set(JAVA_LONG, NONCE, nonce);
    memory.set(JAVA_LONG, SLOTS, slots);
    Slabs slabs = Slabs.format(memory, SLABS, heap);
    memory.set(JAVA_LONG, 0, MAGIC);
    return new Store(memory, slabs);
  }

  /**
   * The store that lies in this memory.
   *
   * @throws IllegalStateException if none does
   */
  public static Store attach(MemorySegment memory) {
    if (memory.get(JAVA_LONG, 0) != MAGIC || memory.get(JAVA_LONG, BYTES) != memory.byteSize()) {
      throw new IllegalStateException("there is no store in this memory");
    }
    return new Store(memory, Slabs.attach(memory, SLABS));
  }

  MemorySegment memory() {
    return memory;
  }

  public long nonce() {
    return memory.get(JAVA_LONG, NONCE);
  }

  public long records() {
    return memory.get(JAVA_LONG, RECORDS);
  }

  /** How often a value was put since the store was made. */
  public long puts() {
    return memory.get(JAVA_LONG, PUTS);
  }

  /** How many slots the index has. */
  public long slots() {
    return memory.get(JAVA_LONG, SLOTS);
  }

  /** The record of a key, 0 if there is none. */
  public long find(long key) {
    return memory.get(JAVA_LONG, slot(key) + SLOT_RECORD);
  }

  /** The slot that a key has, or would have; there is always a free one. */
  private long slot(long key) {
    long mask = slots() - 1;
    long i = Mix.of(key) & mask;
    while (true) {
      long slot = INDEX + i * SLOT_BYTES;
      if (memory.get(JAVA_LONG, slot + SLOT_RECORD) == 0 || memory.get(JAVA_LONG, slot) == key) {
        return slot;
      }
      i = i + 1 & mask;
    }
  }

  /** The record in slot number {@code i}, 0 if that is free. */
  public long recordIn(long i) {
    return memory.get(JAVA_LONG, INDEX + (i & slots() - 1) * SLOT_BYTES + SLOT_RECORD);
  }

  /**
   * Makes room for the next version of a key's value: {@link #bytes} from {@link #data} on are to
   * be written, and then {@link #seal} called.
   *
   * @return the record; 0 if the store is full, and nothing has changed
   */
  public long put(long key, int bytes) {
    if (bytes < 0 || bytes > MAX_VALUE_BYTES) {
      throw new IllegalArgumentException("a value of " + bytes + " bytes");
    }
    long slot = slot(key);
    long old = memory.get(JAVA_LONG, slot + SLOT_RECORD);
    int version = 1;
    int size = Slabs.sizeOf(DATA + bytes);
    long record = old;
    if (old == 0 || sizeOf(old) != size) {
      if (old == 0 && 3 * (records() + 1) > 2 * slots()) {
        return 0;
      }
      record = slabs.take(size);
      if (record == 0) {
        return 0;
      }
    }
    if (old == 0) {
      memory.set(JAVA_LONG, slot, key);
      memory.set(JAVA_LONG, RECORDS, records() + 1);
    } else {
      version = version(old) + 1;
      if (record != old) {
        slabs.give(old, sizeOf(old));
      }
    }
    memory.set(JAVA_LONG, slot + SLOT_RECORD, record);
    memory.set(JAVA_LONG, record, key);
    memory.set(JAVA_INT, record + VERSION, version);
    memory.set(JAVA_INT, record + LENGTH, bytes);
    memory.set(JAVA_LONG, PUTS, puts() + 1);
    return record;
  }

  /** Ends a {@link #put}: the value is written. */
  public void seal(long record) {
    memory.set(JAVA_LONG, record + CHECK, hash(record, 0));
  }

  public long key(long record) {
    return memory.get(JAVA_LONG, record);
  }

  public int version(long record) {
    return memory.get(JAVA_INT, record + VERSION);
  }

  /** The length of the value. */
  public int bytes(long record) {
    return memory.get(JAVA_INT, record + LENGTH);
  }

  /** Where the value is, as an offset in the memory. */
  public static long data(long record) {
    return record + DATA;
  }

  private int sizeOf(long record) {
    return Slabs.sizeOf(DATA + bytes(record));
  }

  /** Whether a record is what was sealed. */
  public boolean isIntact(long record) {
    return record % Slabs.blockBytes(0) == 0
        && record >= INDEX
        && record <= memory.byteSize() - DATA
        && bytes(record) >= 0
        && bytes(record) <= Math.min(MAX_VALUE_BYTES, memory.byteSize() - DATA - record)
        && memory.get(JAVA_LONG, record + CHECK) == hash(record, 0);
  }

  /** Hashes a record, by whole words and then the bytes that are left. */
  long hash(long record, long seed) {
    int bytes = bytes(record);
    long hash = Mix.of(seed ^ key(record)) ^ ((long) version(record) << 32 | bytes);
    long data = data(record);
    int words = bytes >>> 3;
    for (int i = 0; i < words; i++) {
      hash = Mix.word(hash, memory.get(JAVA_LONG, data + ((long) i << 3)));
    }
    long rest = 0;
    for (int i = words << 3; i < bytes; i++) {
      rest = rest << 8 | (memory.get(JAVA_BYTE, data + i) & 0xff);
    }
    return Mix.of(Mix.word(hash, rest));
  }

  /**
   * Looks through everything: every record, the index, the free lists and the counters.
   *
   * @return what is wrong, or an empty text
   */
  public String damage() {
    long records = 0;
    long versions = 0;
    long blocks = 0;
    for (long i = 0; i < slots(); i++) {
      long record = recordIn(i);
      if (record != 0) {
        long key = memory.get(JAVA_LONG, INDEX + i * SLOT_BYTES);
        if (!isIntact(record)) {
          return "the record of key " + key + " is damaged";
        }
        if (key(record) != key || find(key) != record) {
          return "the index has lost key " + key;
        }
        records++;
        versions += version(record);
        blocks += Slabs.blockBytes(sizeOf(record));
      }
    }
    long heap = INDEX + slots() * SLOT_BYTES;
    if (records != records()) {
      return records + " records are there, and " + records() + " were counted";
    }
    if (versions != puts()) {
      return "the records had " + versions + " puts, and " + puts() + " were counted";
    }
    if (slabs.freeBytes() < 0) {
      return "a free list is damaged";
    }
    if (blocks + slabs.freeBytes() != slabs.usedBytes(heap)) {
      return "%d bytes of blocks are in use and %d free, of %d"
          .formatted(blocks, slabs.freeBytes(), slabs.usedBytes(heap));
    }
    return "";
  }
}
