package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SparseFileTest {
  private static final int BLOCK = 64 << 10; // of every file system in use, a multiple

  @TempDir Path directory;

  /** Blocks as a word says: X is data, a dot a hole. */
  private Path file(String blocks) throws IOException {
    Path file = directory.resolve("sparse");
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      for (int i = 0; i < blocks.length(); i++) {
        if (blocks.charAt(i) == 'X') {
          byte[] data = new byte[BLOCK];
          Arrays.fill(data, (byte) (i + 1));
          channel.write(ByteBuffer.wrap(data), (long) i * BLOCK);
        }
      }
      if (channel.size() < (long) blocks.length() * BLOCK) {
        truncate(file, (long) blocks.length() * BLOCK);
      }
    }
    return file;
  }

  /** Java cannot make a file longer without writing. */
  private static void truncate(Path file, long bytes) throws IOException {
    try (RandomAccessFile random = new RandomAccessFile(file.toFile(), "rw")) {
      random.setLength(bytes);
    }
  }

  private static void assumeHoles(SparseFile file) throws IOException {
    assumeTrue(file.nextHole(0) < file.bytes(), "this file system reports no holes");
  }

  @Test
  void holesAreFoundBetweenBeforeAndBehindData() throws IOException {
    try (SparseFile file = SparseFile.open(file(".XX.X..X.."))) {
      assumeHoles(file);
      assertThat(file.bytes()).isEqualTo(10L * BLOCK);
      assertThat(file.nextData(0)).isEqualTo(BLOCK);
      assertThat(file.nextHole(BLOCK)).isEqualTo(3L * BLOCK);
      assertThat(file.nextHole(0)).isZero();
      assertThat(file.nextData(3L * BLOCK)).isEqualTo(4L * BLOCK);
      assertThat(file.nextData(4L * BLOCK + 5)).isEqualTo(4L * BLOCK + 5);
      assertThat(file.nextHole(7L * BLOCK)).isEqualTo(8L * BLOCK);
      assertThat(file.nextData(8L * BLOCK)).as("only a hole follows").isEqualTo(10L * BLOCK);
      assertThat(file.nextData(10L * BLOCK)).isEqualTo(10L * BLOCK);
      assertThat(file.nextData(Long.MAX_VALUE)).isEqualTo(10L * BLOCK);
    }
  }

  @Test
  void fileOfDataHasItsFirstHoleAtItsEnd() throws IOException {
    try (SparseFile file = SparseFile.open(file("XXX"))) {
      assertThat(file.nextHole(0)).isEqualTo(3L * BLOCK);
      assertThat(file.nextData(0)).isZero();
    }
  }

  @Test
  void emptyFileHasNeither() throws IOException {
    try (SparseFile file = SparseFile.open(file(""))) {
      assertThat(file.bytes()).isZero();
      assertThat(file.nextData(0)).isZero();
      assertThat(file.nextHole(0)).isZero();
    }
  }

  @Test
  void dataIsReadAndHolesReadAsZeros() throws IOException {
    try (SparseFile file = SparseFile.open(file("X.X"));
        Arena arena = Arena.ofConfined()) {
      MemorySegment into = arena.allocate(4L * BLOCK);
      into.fill((byte) 99);
      file.read(0, into, BLOCK, 3 * BLOCK);
      byte[] read = into.toArray(JAVA_BYTE);
      byte[] expected = new byte[4 * BLOCK];
      Arrays.fill(expected, 0, BLOCK, (byte) 99);
      Arrays.fill(expected, BLOCK, 2 * BLOCK, (byte) 1);
      Arrays.fill(expected, 3 * BLOCK, 4 * BLOCK, (byte) 3);
      assertThat(read).isEqualTo(expected);
    }
  }

  @Test
  void fileThatHasBecomeShorterIsNamed() throws IOException {
    Path path = file("XXXX");
    try (SparseFile file = SparseFile.open(path);
        Arena arena = Arena.ofConfined()) {
      truncate(path, BLOCK + 1000);
      assertThatThrownBy(() -> file.read(0, arena.allocate(4L * BLOCK), 0, 4 * BLOCK))
          .hasMessageContaining(path + " ends at offset " + (BLOCK + 1000))
          .hasMessageContaining("it had " + 4 * BLOCK);
    }
  }

  @Test
  void whatIsNoFileIsRefused() throws IOException {
    assertThatThrownBy(() -> SparseFile.open(directory.resolve("missing")))
        .isInstanceOf(LinuxException.class)
        .hasMessageContaining("missing");
    SparseFile closed = SparseFile.open(file("X"));
    closed.close();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment into = arena.allocate(8);
      assertThatThrownBy(() -> closed.read(0, into, 0, 8)).isInstanceOf(LinuxException.class);
    }
  }
}
