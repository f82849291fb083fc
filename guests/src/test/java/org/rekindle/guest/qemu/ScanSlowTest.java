package org.rekindle.guest.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.image.MemoryMap;
import org.rekindle.scan.AccessScan;
import org.rekindle.scan.Scan;
import org.rekindle.scan.ScannedMemory;
import org.rekindle.scan.UnmapAndObserve;

/** Scans real machines while they write, against the exact truth of what they write. */
@Tag("slow")
@Timeout(120)
class ScanSlowTest {
  /** The guest writes all its pages once in a tenth of that, on an idle machine. */
  private static final long SWEEP_NS = 2_000_000_000L;

  @TempDir Path directory;

  @BeforeEach
  void requireWhatAScanNeeds() throws IOException {
    assumeTrue("root".equals(System.getProperty("user.name")), "only root may scan");
    assumeTrue(Files.readAllLines(Path.of("/proc/swaps")).size() == 1, "this machine has swap");
  }

  private static ScannedMemory memory(WritingGuest guest) throws IOException {
    try (Qmp qmp = guest.machine().connect()) {
      RamBlockLocator.Ram ram = RamBlockLocator.of(qmp.pid(), qmp).ram().orElseThrow();
      int pages = Math.toIntExact(ram.bytes() / MemoryMap.PAGE_BYTES);
      return new ScannedMemory(qmp.pid(), ram.name(), ram.address(), pages);
    }
  }

  /** It reads each page before it writes to it (one instruction does), so in groups. */
  private void assertFindsWhatIsWritten(String qemu) throws Exception {
    String[] shared = WritingGuest.withMemory("memory-backend-memfd");
    try (WritingGuest guest = WritingGuest.start(qemu, directory, shared)) {
      ScannedMemory memory = memory(guest);
      guest.go();
      guest.awaitBeats(16); // all pages have been written once
      Scan scan;
      try (UnmapAndObserve observer = UnmapAndObserve.of(memory)) {
        scan = new AccessScan(observer, memory).run(2, SWEEP_NS, (_, _) -> {});
      }
      guest.awaitBeats(2);
      BitSet groups = new BitSet();
      int together = scan.readGranularityPages();
      for (int page : WritingGuest.writtenPages()) {
        int first = page / together * together;
        groups.set(first, first + together);
      }
      int[] found = scan.sweeps().pages(1);
      assertThat(found).contains(WritingGuest.writtenPages());
      double inGroups = (double) Arrays.stream(found).filter(groups::get).count() / found.length;
      assertThat(inGroups).isGreaterThan(0.97); // firmware, and pages that could not be unmapped
    }
  }

  @Test
  void allThatTheGuestTouchesIsFoundAndLittleBesideTheGroupsOfReads() throws Exception {
    assertFindsWhatIsWritten(TestMachine.qemu7());
  }

  @Test
  void soItIsWithQemu10() throws Exception {
    assertFindsWhatIsWritten(TestMachine.qemu10());
  }

  @Test
  void aGuestThatWaitsHasTheSameMemoryBeforeAndAfter() throws Exception {
    String[] shared = WritingGuest.withMemory("memory-backend-memfd");
    try (WritingGuest guest = WritingGuest.start(TestMachine.qemu7(), directory, shared)) {
      guest.save(directory.resolve("before"));
      ScannedMemory memory = memory(guest);
      try (UnmapAndObserve observer = UnmapAndObserve.of(memory)) {
        new AccessScan(observer, memory).run(5, 50_000_000, (_, _) -> {});
      }
      guest.save(directory.resolve("after"));
      Images.assertSamePages(directory.resolve("before"), directory.resolve("after"));
      guest.go();
      guest.awaitBeats(2);
    }
  }

  @Test
  void privateMemoryIsRefusedInClearWords() throws Exception {
    try (WritingGuest guest = WritingGuest.start(TestMachine.qemu7(), directory)) {
      ScannedMemory memory = memory(guest);
      assertThatThrownBy(() -> UnmapAndObserve.of(memory))
          .hasMessageContaining("pc.ram")
          .hasMessageContaining("memory-backend-memfd");
    }
  }
}
