package org.rekindle.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class IoBufferTest {
  @Test
  void memoryIsAlignedZeroedAndWritableToItsEnd() throws Exception {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment buffer = IoBuffer.allocate((1 << 20) + 8192, arena);
      assertThat(buffer.address() % (2 << 20)).isZero();
      assertThat(buffer.byteSize()).isEqualTo((1 << 20) + 8192);
      buffer.set(ValueLayout.JAVA_BYTE, buffer.byteSize() - 1, (byte) 1);
      assertThat(buffer.get(ValueLayout.JAVA_BYTE, 0)).isZero();
    }
  }

  @Test
  void memoryGoesWithItsArena() throws Exception {
    long pid = ProcessHandle.current().pid();
    long address;
    try (Arena arena = Arena.ofShared()) {
      address = IoBuffer.allocate(1 << 20, arena).address();
      assertThat(ProcessMemory.mappings(pid))
          .anyMatch(m -> m.start() <= address && address < m.end());
    }
    assertThat(ProcessMemory.mappings(pid))
        .noneMatch(m -> m.start() == address && m.end() - m.start() >= 1 << 20);
  }

  @Test
  void moreThanThereIsIsRefused() {
    try (Arena arena = Arena.ofConfined()) {
      assertThatThrownBy(() -> IoBuffer.allocate(1L << 52, arena))
          .isInstanceOf(LinuxException.class)
          .hasMessageContaining("allocate");
    }
  }
}
