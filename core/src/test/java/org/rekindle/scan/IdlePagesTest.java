package org.rekindle.scan;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.BitSet;
import java.util.function.IntToLongFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.linux.MappedMemory;
import org.rekindle.linux.PageMap;

/** With files in place of the kernel's: on most kernels there are none. */
class IdlePagesTest {
  private static final int FRAMES = 4096;
  private static final long PRESENT = 1L << 63;
  private static final long COMPOUND_HEAD = 1L << 15;
  private static final long COMPOUND_TAIL = 1L << 16;

  /** Page i of the memory, which begins at address 0, is in that frame; -1 for one without. */
  private static final long[] FRAME_OF = {700, -1, 63, 64, 1024, 1025, 1026, 1027, 4095, 705};

  private static final ScannedMemory MEMORY = new ScannedMemory(7, "ram", 0, FRAME_OF.length);

  @TempDir Path directory;

  private static byte[] words(int count, IntToLongFunction word) {
    ByteBuffer words = ByteBuffer.allocate(8 * count).order(ByteOrder.nativeOrder());
    for (int i = 0; i < count; i++) {
      words.putLong(word.applyAsLong(i));
    }
    return words.array();
  }

  private Path file(String name, byte[] content) throws IOException {
    return Files.write(directory.resolve(name), content);
  }

  /** Frames 1024 to 1027 are one folio. */
  private IdlePages observer(Path bitmap) throws IOException {
    byte[] entries =
        words(FRAME_OF.length, page -> FRAME_OF[page] < 0 ? 0 : PRESENT | FRAME_OF[page]);
    byte[] flags =
        words(
            FRAMES,
            frame ->
                frame == 1024 ? COMPOUND_HEAD : frame > 1024 && frame < 1028 ? COMPOUND_TAIL : 0);
    return IdlePages.of(
        MEMORY, PageMap.open(file("pagemap", entries)), file("kpageflags", flags), bitmap);
  }

  private static BitSet look(IdlePages observer, int first, int pages) throws IOException {
    BitSet touched = new BitSet();
    observer.look(first, pages, touched);
    return touched;
  }

  private static BitSet bits(int... numbers) {
    BitSet bits = new BitSet();
    for (int number : numbers) {
      bits.set(number);
    }
    return bits;
  }

  private static BitSet idle(Path bitmap) throws IOException {
    return BitSet.valueOf(
        ByteBuffer.wrap(Files.readAllBytes(bitmap)).order(ByteOrder.nativeOrder()).asLongBuffer());
  }

  /** What the kernel does at a touch. */
  private static void touch(Path bitmap, int frame) throws IOException {
    try (FileChannel file =
        FileChannel.open(bitmap, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      ByteBuffer word = ByteBuffer.allocate(8).order(ByteOrder.nativeOrder());
      file.read(word, frame / 64 * 8L);
      word.putLong(0, word.getLong(0) & ~(1L << frame % 64));
      file.write(word.rewind(), frame / 64 * 8L);
    }
  }

  @Test
  void whatIsNotIdleWasTouchedAndAllIsSetIdleAgain() throws IOException {
    Path bitmap = file("bitmap", new byte[FRAMES / 8]);
    try (IdlePages observer = observer(bitmap)) {
      assertThat(look(observer, 0, 10))
          .as("nothing is idle")
          .isEqualTo(bits(0, 2, 3, 4, 5, 6, 7, 8, 9));
      assertThat(idle(bitmap))
          .as("first frames alone")
          .isEqualTo(bits(63, 64, 700, 705, 1024, 4095));
      assertThat(look(observer, 0, 10)).as("nothing is touched").isEqualTo(bits());
      touch(bitmap, 700);
      touch(bitmap, 4095);
      assertThat(look(observer, 0, 10)).isEqualTo(bits(0, 8));
      assertThat(look(observer, 0, 10)).isEqualTo(bits());
      touch(bitmap, 1024);
      assertThat(look(observer, 0, 10)).as("a whole folio").isEqualTo(bits(4, 5, 6, 7));
    }
  }

  @Test
  void aLookIsAtItsPagesAloneAndMayBeginInAFolio() throws IOException {
    Path bitmap = file("bitmap", words(FRAMES / 64, _ -> -1L));
    try (IdlePages observer = observer(bitmap)) {
      touch(bitmap, 700);
      touch(bitmap, 1024);
      assertThat(look(observer, 6, 3)).isEqualTo(bits(6, 7));
      assertThat(look(observer, 0, 1)).isEqualTo(bits(0));
    }
  }

  @Test
  void theEndOfTheProcessAndFramesThatAreHiddenAreSaid() throws IOException {
    Path bitmap = file("bitmap", new byte[FRAMES / 8]);
    Path flags = file("kpageflags", new byte[8 * FRAMES]);
    try (IdlePages ended =
            IdlePages.of(MEMORY, PageMap.open(file("ended", new byte[0])), flags, bitmap);
        IdlePages hidden =
            IdlePages.of(
                MEMORY, PageMap.open(file("hidden", words(10, _ -> PRESENT))), flags, bitmap)) {
      assertThatThrownBy(() -> look(ended, 0, 10)).hasMessageContaining("has ended");
      assertThatThrownBy(() -> look(hidden, 0, 10)).hasMessageContaining("CAP_SYS_ADMIN");
    }
  }

  /** The real thing, where a kernel has it. */
  @Test
  void ownMemoryIsIdleUntilItIsTouched() throws IOException {
    assumeTrue(
        Files.isWritable(Path.of("/sys/kernel/mm/page_idle/bitmap")),
        "no idle page tracking here (CONFIG_IDLE_PAGE_TRACKING, and root)");
    int pages = 512;
    try (MappedMemory memory = MappedMemory.anonymous(pages * 4096L)) {
      memory.segment().fill((byte) 1);
      ScannedMemory scanned =
          new ScannedMemory(ProcessHandle.current().pid(), "own", memory.address(), pages);
      try (IdlePages observer = IdlePages.of(scanned)) {
        look(observer, 0, pages);
        memory.segment().set(JAVA_BYTE, 77 * 4096L, (byte) 2);
        assertThat(look(observer, 0, pages).get(77)).isTrue();
      }
    }
  }
}
