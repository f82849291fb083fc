package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class StoreFileTest {
  private static final int PAGE = 4096;
  private static final int PAGES = 300;
  private static final int TAIL = 1000;
  private static final int BYTES = PAGES * PAGE + TAIL;

  private final byte[] content = new byte[BYTES];
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment buffer = arena.allocate(64 * PAGE, PAGE);
  private Path file = Path.of("unset");

  /** On the disk that the build uses: the temporary directory may be in memory. */
  @BeforeEach
  void writeFile() throws IOException {
    new Random(42).nextBytes(content);
    file = Files.createTempFile(Path.of("target"), "store", ".pages");
    Files.write(file, content);
  }

  @AfterEach
  void deleteFile() throws IOException {
    arena.close();
    Files.deleteIfExists(file);
  }

  private byte[] read(int bytes) {
    return buffer.asSlice(0, bytes).toArray(JAVA_BYTE);
  }

  private byte[] expected(int offset, int bytes) {
    return Arrays.copyOfRange(content, offset, offset + bytes);
  }

  private void assumeDisk(StoreFile store) {
    assumeTrue(store.isDirect(), () -> "no direct I/O on the file system of " + file);
  }

  @Test
  void directReadsReturnTheFileAndLeaveThePageCacheAlone() throws IOException {
    try (StoreFile store = StoreFile.open(file)) {
      assumeDisk(store);
      store.dropFromCache();
      assertThat(store.readDirect(8 * PAGE, buffer, 16 * PAGE)).isEqualTo(16 * PAGE);
      assertThat(read(16 * PAGE)).isEqualTo(expected(8 * PAGE, 16 * PAGE));
      assertThat(store.residentBytes()).isZero();
      assertThat(store.isDirect()).isTrue();
    }
  }

  @Test
  void everyWayOfReadingEndsShortAtTheEndOfTheFile() throws IOException {
    try (StoreFile store = StoreFile.open(file)) {
      int offset = (PAGES - 1) * PAGE;
      byte[] tail = expected(offset, PAGE + TAIL);
      assertThat(store.bytes()).isEqualTo(BYTES);
      assertThat(store.readDirect(offset, buffer, 8 * PAGE)).isEqualTo(PAGE + TAIL);
      assertThat(read(PAGE + TAIL)).isEqualTo(tail);
      buffer.fill((byte) 0);
      assertThat(store.readBuffered(offset, buffer, 8 * PAGE)).isEqualTo(PAGE + TAIL);
      assertThat(read(PAGE + TAIL)).isEqualTo(tail);
      buffer.fill((byte) 0);
      assertThat(store.readCached(offset, buffer, 8 * PAGE)).isEqualTo(PAGE + TAIL);
      assertThat(read(PAGE + TAIL)).isEqualTo(tail);
      assertThat(store.readDirect((PAGES + 8) * PAGE, buffer, PAGE)).isZero();
      assertThat(store.readBuffered((PAGES + 8) * PAGE, buffer, PAGE)).isZero();
    }
  }

  @Test
  void cachedReadsRefuseWhatIsNotInTheCache() throws IOException {
    try (StoreFile store = StoreFile.open(file)) {
      assumeDisk(store);
      store.dropFromCache();
      assertThat(store.residentBytes()).isZero();
      assertThat(store.readCached(64 * PAGE, buffer, 8 * PAGE)).isEqualTo(StoreFile.NOT_CACHED);

      for (int offset = 0; offset < BYTES; offset += 64 * PAGE) {
        store.readBuffered(offset, buffer, 64 * PAGE);
      }
      assertThat(store.residentBytes()).isEqualTo((PAGES + 1) * PAGE);
      assertThat(store.readCached(64 * PAGE + 5, buffer, 8 * PAGE)).isEqualTo(8 * PAGE);
      assertThat(read(8 * PAGE)).isEqualTo(expected(64 * PAGE + 5, 8 * PAGE));
    }
  }

  @Test
  void bufferedReadsBringInNoMoreThanTheyReturn() throws IOException {
    try (StoreFile store = StoreFile.open(file)) {
      assumeDisk(store);
      store.dropFromCache();
      for (int page = 100; page < 140; page++) {
        store.readBuffered((long) page * PAGE, buffer, PAGE);
      }
      assertThat(store.residentBytes()).as("no read-ahead").isEqualTo(40 * PAGE);
    }
  }

  @Test
  void theResidencySampleTellsPagesApart() throws IOException {
    try (StoreFile store = StoreFile.open(file)) {
      assumeDisk(store);
      assertThat(store.isResident(0, PAGE)).as("never sampled").isFalse();
      store.dropFromCache();
      store.sampleResidency();
      assertThat(store.isResident(0, PAGE)).isFalse();
      store.readBuffered(200 * PAGE, buffer, PAGE);
      store.sampleResidency();
      assertThat(store.isResident(200 * PAGE, PAGE)).isTrue();
      assertThat(store.isResident(200 * PAGE + 1, 1)).isTrue();
      assertThat(store.isResident(199 * PAGE, PAGE)).isFalse();
      assertThat(store.isResident(199 * PAGE, 2 * PAGE)).isFalse();
      for (int offset = 0; offset < BYTES; offset += 64 * PAGE) {
        store.readBuffered(offset, buffer, 64 * PAGE);
      }
      store.sampleResidency();
      assertThat(store.isResident(0, BYTES)).isTrue();
      assertThat(store.isResident(PAGES * PAGE, 64 * PAGE)).as("clipped at the end").isTrue();
    }
  }

  @Test
  void aFileInMemoryIsReadThroughTheCache() throws IOException {
    Path memory = Path.of("/dev/shm");
    assumeTrue(Files.isWritable(memory), "no /dev/shm");
    Path copy = Files.createTempFile(memory, "store", ".pages");
    try {
      Files.write(copy, content);
      try (StoreFile store = StoreFile.open(copy)) {
        assertThat(store.isDirect()).isFalse();
        assertThat(store.readDirect(PAGE, buffer, 8 * PAGE)).isEqualTo(8 * PAGE);
        assertThat(read(8 * PAGE)).isEqualTo(expected(PAGE, 8 * PAGE));
        assertThat(store.readCached(PAGE, buffer, 8 * PAGE)).isEqualTo(8 * PAGE);
        store.dropFromCache();
        assertThat(store.residentBytes()).isEqualTo((PAGES + 1) * PAGE);
      }
    } finally {
      Files.delete(copy);
    }
  }

  @Test
  void anEmptyFileHasNothingToRead() throws IOException {
    Files.write(file, new byte[0]);
    try (StoreFile store = StoreFile.open(file)) {
      assertThat(store.bytes()).isZero();
      assertThat(store.residentBytes()).isZero();
      assertThat(store.readDirect(0, buffer, PAGE)).isZero();
      assertThat(store.readCached(0, buffer, PAGE)).isZero();
    }
  }

  @Test
  void aFileThatShrankUnderneathReadsShort() throws IOException {
    try (StoreFile store = StoreFile.open(file);
        RandomAccessFile other = new RandomAccessFile(file.toFile(), "rw")) {
      other.setLength(10 * PAGE);
      assertThat(store.readDirect(8 * PAGE, buffer, 8 * PAGE)).isEqualTo(2 * PAGE);
      assertThat(store.readBuffered(8 * PAGE, buffer, 8 * PAGE)).isEqualTo(2 * PAGE);
      assertThat(store.readBuffered(20 * PAGE, buffer, 8 * PAGE)).isZero();
    }
  }

  @Test
  void wrongRangesAreRefusedBeforeTheKernelSeesThem() throws IOException {
    try (StoreFile store = StoreFile.open(file)) {
      assertThatThrownBy(() -> store.readDirect(1, buffer, PAGE)).hasMessageContaining("at 1 into");
      assertThatThrownBy(() -> store.readDirect(0, buffer, 100)).hasMessageContaining("100 bytes");
      assertThatThrownBy(() -> store.readDirect(0, buffer.asSlice(8), PAGE))
          .hasMessageContaining("multiples of 4096");
      assertThatThrownBy(() -> store.readBuffered(0, buffer, 65 * PAGE))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> store.readCached(0, buffer, -1))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> store.readBuffered(0, MemorySegment.ofArray(new byte[10]), 10))
          .hasMessageContaining("not native memory");
      assertThatThrownBy(() -> store.readBuffered(0, buffer.asReadOnly(), 10))
          .hasMessageContaining("not native memory");
      assertThatThrownBy(() -> store.readBuffered(-PAGE, buffer, PAGE))
          .isInstanceOf(LinuxException.class)
          .hasMessageContaining(file.getFileName() + " at offset -4096")
          .hasMessageContaining("EINVAL");
    }
  }

  @Test
  void whatIsNoReadableFileIsNamed() {
    assertThatThrownBy(() -> StoreFile.open(Path.of("/nonexistent/pages")))
        .isInstanceOf(LinuxException.class)
        .hasMessage("open /nonexistent/pages: no such file or directory (ENOENT)");
    assertThatThrownBy(
            () -> {
              try (StoreFile store = StoreFile.open(Path.of("/"))) {
                store.readBuffered(0, buffer, PAGE);
              }
            })
        .isInstanceOf(LinuxException.class);
  }

  @Test
  void aClosedStoreSaysSo() throws IOException {
    StoreFile store = StoreFile.open(file);
    store.close();
    store.close();
    assertThatThrownBy(() -> store.readBuffered(0, buffer, PAGE))
        .isInstanceOf(LinuxException.class)
        .hasMessageContaining("descriptor is closed");
    assertThatThrownBy(() -> store.readDirect(0, buffer, PAGE))
        .hasMessageContaining("descriptor is closed");
    assertThatThrownBy(() -> store.readCached(0, buffer, PAGE))
        .hasMessageContaining("descriptor is closed");
    assertThatThrownBy(store::residentBytes).hasMessageContaining("descriptor is closed");
    assertThatThrownBy(store::dropFromCache).hasMessageContaining("descriptor is closed");
  }
}
