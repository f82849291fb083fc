package org.rekindle.scan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.rekindle.linux.MappedMemory;
import org.rekindle.linux.MemoryFile;
import org.rekindle.linux.Userfaultfd;

/** On memory of this process. */
class BackendTest {
  private static final int PAGES = 16;
  private static final long BYTES = PAGES * 4096L;
  private static final List<Backend> ALL = List.of(Backend.values());

  private static ScannedMemory own(MappedMemory memory) {
    return new ScannedMemory(ProcessHandle.current().pid(), "own", memory.address(), PAGES);
  }

  private static boolean hasIdleBits() {
    return Files.exists(Path.of("/sys/kernel/mm/page_idle/bitmap"));
  }

  @Test
  void whereThereIsNoWayEachReasonIsSaid() throws IOException {
    assumeFalse(hasIdleBits(), "this kernel tracks idle pages of any memory");
    try (MappedMemory memory = MappedMemory.anonymous(BYTES)) {
      assertThatThrownBy(() -> Backend.choose(own(memory), ALL))
          .hasMessageContaining("no way to scan own of process")
          .hasMessageContaining("idle page tracking: this kernel was built without it")
          .hasMessageContaining("unmap and observe: ")
          .hasMessageContaining("written pages: ")
          .hasMessageNotContaining("try another way");
      assertThatThrownBy(() -> Backend.choose(own(memory), List.of(Backend.IDLE)))
          .hasMessageContaining("CONFIG_IDLE_PAGE_TRACKING")
          .hasMessageEndingWith("; try another way");
    }
  }

  @Test
  void theFirstWayThatThereIsIsTaken() throws IOException {
    assumeTrue("root".equals(System.getProperty("user.name")), "only root may unmap");
    assumeTrue(Files.readAllLines(Path.of("/proc/swaps")).size() == 1, "this machine has swap");
    try (MemoryFile file = MemoryFile.create("backend-test", BYTES, false);
        MappedMemory memory = MappedMemory.of(file, 0, BYTES)) {
      Backend.Choice choice = Backend.choose(own(memory), ALL);
      try (AccessObserver observer = choice.observer()) {
        assertThat(observer.name())
            .isEqualTo(hasIdleBits() ? "idle page tracking" : "unmap and observe");
        assertThat(choice.offers()).extracting(Backend.Offer::backend).isEqualTo(ALL);
        assertThat(choice.offers())
            .extracting(Backend.Offer::stands)
            .containsExactly(hasIdleBits(), true, false);
        assertThat(choice.offers().getLast().refusal()).contains("WP_ASYNC");
      }
    }
  }

  @Test
  void whereItIsNotedWhatWasWrittenThatIsAWayAndNothingIsTouchedByTheQuestion() throws IOException {
    long wanted =
        Userfaultfd.FEATURE_WRITE_PROTECT
            | Userfaultfd.FEATURE_WP_UNPOPULATED
            | Userfaultfd.FEATURE_WP_ASYNC;
    try (MappedMemory memory = MappedMemory.anonymous(BYTES);
        Userfaultfd uffd = Userfaultfd.create(wanted, true)) {
      assumeTrue(uffd.features() == wanted, "this kernel notes no writes (Linux 6.7 does)");
      assertThat(uffd.register(memory.address(), BYTES, Userfaultfd.WRITE_PROTECT)).isPositive();
      for (int time = 0; time < 2; time++) {
        Backend.Choice choice = Backend.choose(own(memory), List.of(Backend.WRITTEN));
        try (AccessObserver observer = choice.observer()) {
          assertThat(observer.name()).isEqualTo("written pages");
          assertThat(observer.readGranularityPages()).isZero();
          BitSet written = new BitSet();
          observer.look(0, PAGES, written);
          assertThat(written.cardinality()).isEqualTo(time == 0 ? PAGES : 0);
        }
      }
    }
  }
}
