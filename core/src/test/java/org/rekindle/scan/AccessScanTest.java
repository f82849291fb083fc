package org.rekindle.scan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.rekindle.linux.ProcessMemory.Mapping;

class AccessScanTest {
  private static final ScannedMemory MEMORY = new ScannedMemory(1, "ram", 0x10000, 3000);

  /** Finds page number n touched in its n-th look at all, and fails when it is told to. */
  private static final class Observer implements AccessObserver {
    final List<Integer> looks = new ArrayList<>();
    int failsAtLook = Integer.MAX_VALUE;
    int sweeps;

    @Override
    public String name() {
      return "test";
    }

    @Override
    public int readGranularityPages() {
      return 1;
    }

    @Override
    public void look(int first, int pages, BitSet touched) throws IOException {
      if (looks.size() == failsAtLook) {
        throw new IOException("the process has ended");
      }
      looks.add(pages);
      if (first == 0) {
        touched.set(sweeps++);
      }
    }

    @Override
    public void close() {}
  }

  @Test
  void everySweepLooksAtAllPagesAndWhatWasBeforeDoesNotCount() throws Exception {
    Observer observer = new Observer();
    List<Integer> told = new ArrayList<>();
    Scan scan = new AccessScan(observer, MEMORY).run(2, 1000, (done, _) -> told.add(done));
    assertThat(observer.looks.stream().mapToInt(Integer::intValue).sum()).isEqualTo(3 * 3000);
    assertThat(told).containsExactly(1, 2);
    assertThat(scan.sweeps().size()).isEqualTo(2);
    assertThat(scan.sweeps().pages(0)).containsExactly(1);
    assertThat(scan.sweeps().pages(1)).containsExactly(2);
    assertThat(scan.region()).isEqualTo("ram");
  }

  @Test
  void theEndOfTheProcessAndAnInterruptEndTheScan() {
    Observer observer = new Observer();
    observer.failsAtLook = 4;
    AccessScan scan = new AccessScan(observer, MEMORY);
    assertThatThrownBy(() -> scan.run(2, 1000, (_, _) -> {})).hasMessage("the process has ended");
    assertThatThrownBy(() ->
            new AccessScan(new Observer(), MEMORY)
                .run(2, 1000, (_, _) -> Thread.currentThread().interrupt()))
        .isInstanceOf(InterruptedException.class);
    assertThat(Thread.interrupted()).isFalse();
  }

  @Test
  void memoryThatIsPrivateIsRefusedInClearWords() throws IOException {
    Mapping shared = new Mapping(0x10000, 0x10000 + 3000 * 4096L, "rw-s", 0, 7, "/memfd:ram");
    Mapping before = new Mapping(0x8000, 0x10000, "rw-p", 0, 0, "");
    UnmapAndObserve.requireShared(MEMORY, List.of(before, shared));
    Mapping split = new Mapping(0x20000, 0x21000, "rw-p", 0, 0, "");
    assertThatThrownBy(() -> UnmapAndObserve.requireShared(MEMORY, List.of(split)))
        .hasMessageContaining("private")
        .hasMessageContaining("memory-backend-memfd");
  }

  @Test
  void swapIsRefusedInClearWords() throws IOException {
    String heading = "Filename\tType\tSize\tUsed\tPriority";
    UnmapAndObserve.requireNoSwap(List.of(heading));
    assertThatThrownBy(() ->
            UnmapAndObserve.requireNoSwap(List.of(heading, "/dev/sda2  partition\t8388604\t0\t-2")))
        .hasMessageContaining("/dev/sda2 partition 8388604")
        .hasMessageContaining("swapoff");
  }
}
