package org.rekindle.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class FreshMemoryTest {
  enum Kind {
    SMALL_PAGES,
    HUGE_PAGES;

    MemorySegment allocate(long bytes, Arena arena) throws LinuxException {
      return this == SMALL_PAGES
          ? FreshMemory.allocate(bytes, arena)
          : FreshMemory.allocateHuge(bytes, arena);
    }
  }

  @ParameterizedTest
  @EnumSource
  void memoryIsAlignedZeroedAndWritableToItsEnd(Kind kind) throws Exception {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment buffer = kind.allocate((1 << 20) + 8192, arena);
      assertThat(buffer.address() % (kind == Kind.HUGE_PAGES ? 2 << 20 : 4096)).isZero();
      assertThat(buffer.byteSize()).isEqualTo((1 << 20) + 8192);
      buffer.set(ValueLayout.JAVA_BYTE, buffer.byteSize() - 1, (byte) 1);
      assertThat(buffer.get(ValueLayout.JAVA_BYTE, 0)).isZero();
    }
  }

  @ParameterizedTest
  @EnumSource
  void havingMuchTakesNothing(Kind kind) throws Exception {
    try (Arena arena = Arena.ofConfined();
        PageMap map = PageMap.open(ProcessHandle.current().pid())) {
      long address = kind.allocate(64 << 20, arena).address();
      BitSet present = new BitSet();
      map.present(address, 64 << 8, present, 0);
      assertThat(present.isEmpty()).isTrue();
    }
  }

  @ParameterizedTest
  @EnumSource
  void memoryGoesWithItsArena(Kind kind) throws Exception {
    long pid = ProcessHandle.current().pid();
    long address;
    try (Arena arena = Arena.ofShared()) {
      address = kind.allocate(1 << 20, arena).address();
      assertThat(ProcessMemory.mappings(pid))
          .anyMatch(m -> m.start() <= address && address < m.end());
    }
    assertThat(ProcessMemory.mappings(pid))
        .noneMatch(m -> m.start() == address && m.end() - m.start() >= 1 << 20);
  }

  @Test
  void nothingCanBeAllocatedToo() throws Exception {
    try (Arena arena = Arena.ofConfined()) {
      assertThat(FreshMemory.allocate(0, arena).byteSize()).isZero();
    }
  }

  @ParameterizedTest
  @EnumSource
  void moreThanThereIsIsRefused(Kind kind) {
    try (Arena arena = Arena.ofConfined()) {
      assertThatThrownBy(() -> kind.allocate(1L << 52, arena))
          .isInstanceOf(LinuxException.class)
          .hasMessageContaining("allocate");
    }
  }
}
