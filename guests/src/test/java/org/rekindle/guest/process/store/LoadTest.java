package org.rekindle.guest.process.store;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.BitSet;
import org.junit.jupiter.api.Test;
import org.rekindle.json.Json;

class LoadTest {
  private static final long MEMORY_BYTES = 16 << 20;
  private static final Workload WORKLOAD = new Workload(2000, 250, 1, 100);

  private static MemorySegment memory() {
    return MemorySegment.ofArray(new long[(int) (MEMORY_BYTES / Long.BYTES)]);
  }

  private static Load begin(MemorySegment memory) {
    return Load.begin(Store.format(memory, WORKLOAD.records(), 7), WORKLOAD, 42);
  }

  private static void run(Load load, int operations) {
    for (int i = 0; i < operations; i++) {
      load.step();
    }
  }

  @Test
  void allThatItReadsIsThereAndIntact() {
    Load load = begin(memory());
    run(load, 50_000);
    assertThat(load.failures()).isZero();
    assertThat(load.operations()).isEqualTo(50_000);
    assertThat(load.store().records()).isEqualTo(2000);
    assertThat(load.store().puts()).isGreaterThan(2000 + 50_000 / 32);
    assertThat(load.store().damage()).isEmpty();
  }

  @Test
  void memoryAndRegistersAreAllOfIt() {
    MemorySegment memory = memory();
    Load load = begin(memory);
    run(load, 5000);
    MemorySegment moved = memory();
    moved.copyFrom(memory);
    String registers = Json.compact(load.registers().toMap());
    Load other = Load.resume(moved, Registers.fromMap(Json.parseObject(registers)));
    run(load, 5000);
    run(other, 5000);
    assertThat(other.registers()).isEqualTo(load.registers());
    assertThat(other.operationsPerBeat()).isEqualTo(100);
    assertThat(moved.mismatch(memory)).isEqualTo(-1);
  }

  @Test
  void otherSeedsGiveOtherRequestsForTheSameRecords() {
    MemorySegment memory = memory();
    MemorySegment moved = memory();
    Load load = begin(memory);
    moved.copyFrom(memory);
    Load other = Load.resume(moved, load.registers().reseeded(43));
    run(load, 1000);
    run(other, 1000);
    assertThat(other.digest()).isNotEqualTo(load.digest());
    BitSet changed = changedPages(memory, moved);
    assertThat(changed.cardinality()).isPositive();
  }

  @Test
  void theWorkingSetIsAFractionOfTheMemoryAndScattered() {
    MemorySegment memory = memory();
    Load load = begin(memory);
    MemorySegment before = memory();
    before.copyFrom(memory);
    run(load, 20_000);
    // Puts go to what is hot, and there to every page in the end.
    BitSet changed = changedPages(memory, before);
    assertThat(changed.cardinality()).isBetween(200, 1200);
    assertThat(changed.length()).isGreaterThan(2000);
    int runs = 0;
    for (int page = changed.nextSetBit(0); page >= 0; page = changed.nextSetBit(page)) {
      runs++;
      page = changed.nextClearBit(page);
    }
    assertThat(runs).isGreaterThan(100);
  }

  private static BitSet changedPages(MemorySegment a, MemorySegment b) {
    BitSet changed = new BitSet();
    for (int page = 0; page < MEMORY_BYTES / 4096; page++) {
      if (a.asSlice(page * 4096L, 4096).mismatch(b.asSlice(page * 4096L, 4096)) >= 0) {
        changed.set(page);
      }
    }
    return changed;
  }

  @Test
  void aDamagedRecordIsNoticedWhenItIsRead() {
    MemorySegment memory = memory();
    Load load = begin(memory);
    long record = load.store().find(0); // of rank 0: the most wanted
    long at = Store.data(record) + 100;
    memory.set(JAVA_BYTE, at, (byte) (memory.get(JAVA_BYTE, at) + 1));
    run(load, 2000);
    assertThat(load.failures()).isPositive();
  }

  /** A processor that waits for a page cannot stop for a garbage collection. */
  @Test
  void itAllocatesNothing() {
    Load load = begin(memory());
    run(load, 100_000);
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    long allocated = Long.MAX_VALUE;
    // The compiler may finish its work during a batch; then the next one is looked at.
    for (int batch = 0; batch < 20 && allocated != 0; batch++) {
      before = threads.getCurrentThreadAllocatedBytes();
      run(load, 10_000);
      allocated = threads.getCurrentThreadAllocatedBytes() - before;
    }
    assertThat(allocated).isZero();
  }

  @Test
  void recordsThatDoNotFitAreRefused() {
    MemorySegment memory = memory();
    Store store = Store.format(memory, 10_000, 7);
    assertThatThrownBy(() -> Load.begin(store, new Workload(10_000, 1, 1, 1), 1))
        .hasMessageMatching("\\d+ of 10000 records fit into 16777216 bytes");
  }

  @Test
  void registersOfAnotherProgramAreRefused() {
    assertThatThrownBy(() -> new Registers(0, 0, 0)).hasMessageContaining("random state 0");
    assertThatThrownBy(() -> Registers.fromMap(Json.parseObject("{\"random\":1}")))
        .hasMessageContaining("operations");
  }
}
