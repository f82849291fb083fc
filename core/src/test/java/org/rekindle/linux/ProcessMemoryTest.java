package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.linux.ProcessMemory.Mapping;

class ProcessMemoryTest {
  private static final int PAGE = 4096;
  private static final Path MAPS = Path.of("/proc/1/maps");

  private final long self = ProcessHandle.current().pid();

  @Test
  void ownMemoryReadsAsItIs() throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment original = arena.allocate(3 * PAGE + 17);
      byte[] content = new byte[(int) original.byteSize()];
      new Random(7).nextBytes(content);
      original.copyFrom(MemorySegment.ofArray(content));
      MemorySegment copy = arena.allocate(original.byteSize());
      ProcessMemory.read(self, original.address(), copy);
      assertThat(copy.toArray(JAVA_BYTE)).isEqualTo(content);
    }
  }

  @Test
  void aChildIsReadFromOutside() throws Exception {
    Process child = new ProcessBuilder("sleep", "60").start();
    try (Arena arena = Arena.ofConfined()) {
      // Before its exec the child is a copy of this one: wait until it maps its own program.
      Mapping program = null;
      while (program == null) {
        assertThat(child.isAlive()).isTrue();
        program =
            ProcessMemory.mappings(child.pid()).stream()
                .filter(m -> m.path().endsWith("sleep") || m.path().endsWith("busybox"))
                .filter(m -> m.offset() == 0)
                .findFirst()
                .orElse(null);
        Thread.onSpinWait();
      }
      MemorySegment header = arena.allocate(4);
      ProcessMemory.read(child.pid(), program.start(), header);
      assertThat(header.toArray(JAVA_BYTE)).containsExactly(0x7f, 'E', 'L', 'F');
    } finally {
      child.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
    }
    assertThatThrownBy(() -> ProcessMemory.mappings(child.pid()))
        .isInstanceOf(NoSuchFileException.class);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment into = arena.allocate(1);
      assertThatThrownBy(() -> ProcessMemory.read(child.pid(), PAGE, into))
          .isInstanceOf(LinuxException.class)
          .hasMessageContaining("no such process (ESRCH)");
    }
  }

  @Test
  void aMappedFileIsFoundAndHoldsTheFile(@TempDir Path directory) throws IOException {
    Path file = Files.write(directory.resolve("with space"), new byte[5 * PAGE]);
    try (FileChannel channel = FileChannel.open(file);
        Arena arena = Arena.ofConfined()) {
      MemorySegment mapped = channel.map(FileChannel.MapMode.READ_ONLY, PAGE, 3 * PAGE, arena);
      assertThat(ProcessMemory.mappings(self))
          .filteredOn(m -> m.path().equals(file.toString()))
          .singleElement()
          .satisfies(m -> {
            assertThat(m.start()).isEqualTo(mapped.address());
            assertThat(m.bytes()).isEqualTo(3 * PAGE);
            assertThat(m.offset()).isEqualTo(PAGE);
            assertThat(m.permissions()).startsWith("r--");
            assertThat(m.inode()).isEqualTo(Files.getAttribute(file, "unix:ino"));
          });
    }
  }

  @Test
  void theFirstAddressThatCannotBeReadIsNamed(@TempDir Path directory) throws IOException {
    Path file = Files.write(directory.resolve("shrinks"), new byte[4 * PAGE]);
    try (FileChannel channel = FileChannel.open(file, READ, WRITE);
        Arena arena = Arena.ofConfined()) {
      long start = channel.map(FileChannel.MapMode.READ_ONLY, 0, 4 * PAGE, arena).address();
      MemorySegment into = arena.allocate(4 * PAGE);
      ProcessMemory.read(self, start, into);
      // What is mapped beyond the end of a file cannot be read.
      channel.truncate(3 * PAGE);
      assertThatThrownBy(() -> ProcessMemory.read(self, start + 8, into))
          .isInstanceOf(LinuxException.class)
          .hasMessage(
              "read memory of process %d at 0x%x: bad address (EFAULT)"
                  .formatted(self, start + 3 * PAGE));
      assertThatThrownBy(() -> ProcessMemory.read(self, 16, into)).hasMessageContaining("at 0x10:");
    }
  }

  @Test
  void linesOfEveryKindAreUnderstood() {
    assertThat(
            ProcessMemory.parse(
                "7f5c00000000-7f5c40000000 rw-s 00001000 00:01 1029                       "
                    + "/memfd:pc.ram (deleted)",
                MAPS))
        .isEqualTo(
            new Mapping(
                0x7f5c00000000L, 0x7f5c40000000L, "rw-s", 0x1000, 1029, "/memfd:pc.ram (deleted)"));
    assertThat(ProcessMemory.parse("7f00-7f01 ---p 00000000 00:00 0 ", MAPS).path()).isEmpty();
    Mapping vsyscall =
        ProcessMemory.parse(
            "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]",
            MAPS);
    assertThat(vsyscall.bytes()).isEqualTo(PAGE);
    assertThat(vsyscall.path()).isEqualTo("[vsyscall]");
  }

  @Test
  void whatIsNoLineIsRefused() {
    for (String line :
        new String[] {"", "x", "1-2 rw-p", "1-2 rw-p 0 0:0 -1 x", "g-h rw-p 0 0:0 0 x"}) {
      assertThatThrownBy(() -> ProcessMemory.parse(line, MAPS))
          .hasMessageStartingWith("/proc/1/maps: not a mapping");
    }
  }
}
