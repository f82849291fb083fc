package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PageMapTest {
  private static final int PAGE = 4096;
  private static final int PAGES =
      2000; // written alternately, they are more ranges than one call tells

  private final long self = ProcessHandle.current().pid();

  private static void write(MappedMemory memory, int page) {
    memory.segment().set(JAVA_BYTE, (long) page * PAGE, (byte) 1);
  }

  private static byte read(MappedMemory memory, int page) {
    return memory.segment().get(JAVA_BYTE, (long) page * PAGE);
  }

  @Test
  void whatWasTouchedIsMapped() throws IOException {
    BitSet touched = new BitSet();
    try (MemoryFile file = MemoryFile.create("page-map-test", 64 * PAGE, false);
        MappedMemory memory = MappedMemory.of(file, 0, 64 * PAGE);
        PageMap map = PageMap.open(self)) {
      write(memory, 3);
      write(memory, 40);
      BitSet found = new BitSet();
      map.present(memory.address(), 64, found, 100);
      touched.set(103);
      touched.set(140);
      assertThat(found).isEqualTo(touched);
    }
  }

  @Test
  void framesAreThoseOfTheEntriesAndWhatIsNotMappedHasNone(@TempDir Path directory)
      throws IOException {
    ByteBuffer entries = ByteBuffer.allocate(3 * 8).order(ByteOrder.LITTLE_ENDIAN);
    entries.putLong(7); // swapped or never there: the low bits are no frame
    entries.putLong(1L << 63 | 1L << 61 | 1L << 56 | 0x123456789L);
    entries.putLong(1L << 63);
    Path file = Files.write(directory.resolve("pagemap"), entries.array());
    try (PageMap map = PageMap.open(file)) {
      long[] frames = new long[3];
      map.frames(0, frames);
      assertThat(frames).containsExactly(-1, 0x123456789L, 0);
      assertThatThrownBy(() -> map.frames(2 * PAGE, new long[2]))
          .isInstanceOf(EOFException.class)
          .hasMessageContaining("has it ended?");
    }
  }

  /** Anonymous memory and a memory file; pages that were never there, and pages that are read. */
  @Test
  void whatWasWrittenIsToldOncePageByPageAndReadsAreNot() throws IOException {
    try (MemoryFile file = MemoryFile.create("page-map-test", (long) PAGES * PAGE, false);
        MappedMemory shared = MappedMemory.of(file, 0, (long) PAGES * PAGE);
        MappedMemory anonymous = MappedMemory.anonymous((long) PAGES * PAGE)) {
      assertTellsWhatIsWritten(shared);
      assertTellsWhatIsWritten(anonymous);
    }
  }

  private void assertTellsWhatIsWritten(MappedMemory memory) throws IOException {
    try (PageMap map = PageMap.open(self);
        Userfaultfd uffd = asynchronous()) {
      write(memory, 0);
      write(memory, PAGES - 1);
      assertThat(map.written(memory.address(), PAGES, true, new BitSet(), 0))
          .as("before it is registered")
          .isEqualTo(-Errno.EPERM);
      assertThat(uffd.register(memory.address(), (long) PAGES * PAGE, Userfaultfd.WRITE_PROTECT))
          .isPositive();
      assertThat(written(map, memory, true).cardinality())
          .as("what was never protected")
          .isEqualTo(PAGES);
      assertThat(written(map, memory, true)).as("nothing since").isEqualTo(new BitSet());
      long seed = System.nanoTime();
      System.out.println("seed " + seed);
      Random random = new Random(seed);
      BitSet expected = new BitSet();
      for (int page = 0; page < PAGES; page += 2) {
        int one = page + random.nextInt(2);
        write(memory, one);
        expected.set(one);
        assertThat(read(memory, one ^ 1)).isNotEqualTo((byte) 2);
      }
      assertThat(written(map, memory, false)).as("asked without protecting").isEqualTo(expected);
      assertThat(written(map, memory, true)).as("so it is still there").isEqualTo(expected);
      assertThat(written(map, memory, true)).as("and told once").isEqualTo(new BitSet());
      assertThat(uffd.unregister(memory.address(), (long) PAGES * PAGE)).isZero();
    }
  }

  private static BitSet written(PageMap map, MappedMemory memory, boolean protect) {
    BitSet written = new BitSet();
    assertThat(map.written(memory.address(), PAGES, protect, written, 0)).isZero();
    return written;
  }

  private static Userfaultfd asynchronous() throws IOException {
    long wanted =
        Userfaultfd.FEATURE_WRITE_PROTECT
            | Userfaultfd.FEATURE_WP_HUGETLBFS_SHMEM
            | Userfaultfd.FEATURE_WP_UNPOPULATED
            | Userfaultfd.FEATURE_WP_ASYNC;
    Userfaultfd made = Userfaultfd.create(wanted, true);
    if (made.features() != wanted) {
      made.close();
    }
    assumeTrue(made.features() == wanted, "this kernel notes no writes (Linux 6.7 does)");
    return made;
  }
}
