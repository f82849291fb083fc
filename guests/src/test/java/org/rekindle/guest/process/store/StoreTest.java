package org.rekindle.guest.process.store;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class StoreTest {
  private static final long MEMORY_BYTES = 4 << 20;

  private final MemorySegment memory =
      MemorySegment.ofArray(new long[(int) (MEMORY_BYTES / Long.BYTES)]);

  private static boolean put(Store store, MemorySegment memory, long key, byte[] value) {
    long record = store.put(key, value.length);
    if (record == 0) {
      return false;
    }
    MemorySegment.copy(value, 0, memory, JAVA_BYTE, Store.data(record), value.length);
    store.seal(record);
    return true;
  }

  private static byte[] get(Store store, MemorySegment memory, long key) {
    long record = store.find(key);
    assertThat(store.isIntact(record)).isTrue();
    byte[] value = new byte[store.bytes(record)];
    MemorySegment.copy(memory, JAVA_BYTE, Store.data(record), value, 0, value.length);
    return value;
  }

  private static byte[] value(Random random) {
    byte[] value = new byte[random.nextInt(Store.MAX_VALUE_BYTES + 1)];
    random.nextBytes(value);
    return value;
  }

  @Test
  void itHoldsWhatAMapHolds() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    Store store = Store.format(memory, 300, 7);
    Map<Long, byte[]> expected = new HashMap<>();
    long puts = 0;
    for (int i = 0; i < 3000; i++) {
      long key = random.nextInt(300) * (random.nextBoolean() ? 1L : 1L << 32);
      byte[] value = value(random);
      if (put(store, memory, key, value)) {
        expected.put(key, value);
        puts++;
      }
    }
    assertThat(store.damage()).as("seed %d", seed).isEmpty();
    assertThat(store.records()).as("seed %d", seed).isEqualTo(expected.size());
    assertThat(store.puts()).isEqualTo(puts);
    Store attached = Store.attach(memory);
    assertThat(attached.nonce()).isEqualTo(7);
    expected.forEach((key, value) ->
        assertThat(get(attached, memory, key)).as("seed %d", seed).isEqualTo(value));
    assertThat(attached.find(-1)).isZero();
  }

  @Test
  void fullItRefusesAndGoesOnWithWhatItHas() {
    Store store = Store.format(memory, 10_000, 7);
    byte[] value = new byte[8000];
    long key = 0;
    while (put(store, memory, key, value)) {
      key++;
    }
    assertThat(key).isBetween(MEMORY_BYTES / 8192 - 70, MEMORY_BYTES / 8192);
    assertThat(store.records()).isEqualTo(key);
    assertThat(store.find(key)).isZero();
    Arrays.fill(value, (byte) 1);
    assertThat(put(store, memory, key - 1, value)).isTrue();
    assertThat(store.version(store.find(key - 1))).isEqualTo(2);
    assertThat(store.damage()).isEmpty();
  }

  @Test
  void moreRecordsThanAgreedAreRefused() {
    Store store = Store.format(memory, 100, 7);
    long key = 0;
    while (put(store, memory, key, new byte[10])) {
      key++;
    }
    assertThat(key).isBetween(100L, 256L);
    assertThat(store.damage()).isEmpty();
  }

  @Test
  void blocksAreUsedAgain() {
    Store store = Store.format(memory, 10, 7);
    for (int i = 0; i < 100_000; i++) {
      assertThat(put(store, memory, i % 10, new byte[i * 97 % 8000])).isTrue();
    }
    assertThat(store.damage()).isEmpty();
  }

  @Test
  void everyChangeOfAUsedByteIsFound() {
    Store store = Store.format(memory, 100, 7);
    Random random = new Random(1);
    for (long key = 0; key < 100; key++) {
      put(store, memory, key, value(random));
    }
    for (long key = 0; key < 100; key++) {
      long record = store.find(key);
      long at = record + random.nextInt(Store.DATA + store.bytes(record));
      byte before = memory.get(JAVA_BYTE, at);
      memory.set(JAVA_BYTE, at, (byte) (before + 1 + random.nextInt(255)));
      assertThat(store.damage()).as("byte %d of key %d", at - record, key).isNotEmpty();
      memory.set(JAVA_BYTE, at, before);
    }
    assertThat(store.damage()).isEmpty();
  }

  /** A page that was put in late, or twice, could do that. */
  @Test
  void anEarlierVersionOfARecordIsFound() {
    Store store = Store.format(memory, 100, 7);
    put(store, memory, 1, new byte[4000]);
    put(store, memory, 2, new byte[4000]);
    MemorySegment record = memory.asSlice(store.find(1), 4096);
    byte[] earlier = record.toArray(JAVA_BYTE);
    put(store, memory, 1, new byte[3900]);
    MemorySegment.copy(earlier, 0, record, JAVA_BYTE, 0, earlier.length);
    assertThat(store.isIntact(store.find(1))).isTrue();
    assertThat(store.damage()).contains("2 puts, and 3 were counted");
  }

  @Test
  void memoryWithoutAStoreIsRefused() {
    assertThatThrownBy(() -> Store.attach(memory)).hasMessageContaining("no store");
    Store.format(memory, 100, 7);
    memory.set(JAVA_LONG, 8, MEMORY_BYTES / 2);
    assertThatThrownBy(() -> Store.attach(memory)).hasMessageContaining("no store");
  }

  @Test
  void anIndexThatDoesNotFitIsRefused() {
    assertThatThrownBy(() -> Store.format(memory, 1 << 20, 7)).hasMessageContaining("fit");
  }
}
