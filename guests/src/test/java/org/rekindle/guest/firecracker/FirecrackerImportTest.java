package org.rekindle.guest.firecracker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.Manifest;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageReader;
import org.rekindle.image.Region;
import org.rekindle.linux.SparseFile;

class FirecrackerImportTest {
  @TempDir Path directory;

  private Path memory(String name, String pages) throws IOException {
    return SnapshotBuilder.memory(directory.resolve(name), pages);
  }

  private Path image(String name) {
    return directory.resolve(name);
  }

  private ImportedMicrovm make(String image, Path memory, @Nullable Path base) throws IOException {
    return make(image, new SnapshotFiles(memory, null, base));
  }

  private ImportedMicrovm make(String image, SnapshotFiles files) throws IOException {
    try (FirecrackerImport work =
        new FirecrackerImport(files, image(image), ImageWriter.Options.DEFAULT, (_, _) -> {})) {
      return work.run();
    }
  }

  private void assertRefused(Path memory, @Nullable Path base, String... parts) {
    assertThatThrownBy(() -> make("refused", memory, base))
        .isInstanceOf(IOException.class)
        .hasMessageContainingAll(parts);
    assertNothingLeft("refused");
  }

  private void assertNothingLeft(String image) {
    try (Stream<Path> left = Files.list(directory)) {
      assertThat(left).noneMatch(file -> file.getFileName().toString().contains(image));
    } catch (IOException failed) {
      throw new AssertionError(failed);
    }
  }

  private static void assumeHoles(Path file) throws IOException {
    try (SparseFile sparse = SparseFile.open(file)) {
      assumeTrue(
          sparse.nextHole(0) < sparse.bytes(), "this file system has no holes of 4096 bytes");
    }
  }

  private String content(String name) throws IOException {
    try (Image image = Image.open(image(name));
        PageReader reader = image.newPageReader();
        Arena arena = Arena.ofConfined()) {
      MemorySegment page = arena.allocate(MemoryMap.PAGE_BYTES);
      StringBuilder pages = new StringBuilder();
      for (int i = 0; i < image.memory().pages(); i++) {
        reader.read(i, page, 0);
        byte fill = page.get(ValueLayout.JAVA_BYTE, 0);
        assertThat(page.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(SnapshotBuilder.filled(fill));
        pages.append(fill == 0 ? '.' : (char) fill);
      }
      return pages.toString();
    }
  }

  @Test
  void fullFileBecomesOneRegionAndHolesAreZero() throws Exception {
    byte[] state = SnapshotBuilder.bitcode(SnapshotBuilder.X86_64, "11.0.0");
    Path stateFile = Files.write(directory.resolve("vmstate"), state);
    Path memory = memory("mem", "ab..zc.......dd.");
    ImportedMicrovm made = make("image", new SnapshotFiles(memory, stateFile, null));
    assertThat(content("image")).isEqualTo("ab...c.......dd.");
    assertThat(made.guestPages()).isEqualTo(16);
    assertThat(made.zeroPages()).isEqualTo(11);
    assertThat(made.hasState()).isTrue();
    assertThat(made.machine()).isEqualTo(new SavedMicrovm("x86_64", "11.0.0", ""));
    try (Image image = Image.open(image("image"));
        Stream<Path> files = Files.list(image("image"))) {
      assertThat(image.manifest().guestKind()).isEqualTo("firecracker");
      assertThat(SavedMicrovm.fromMap(image.manifest().guest())).isEqualTo(made.machine());
      assertThat(image.memory().regions()).containsExactly(new Region("mem0", 16 * 4096, 4096));
      assertThat(image.deviceState()).isEqualTo(state);
      assertThat(files.mapToLong(file -> file.toFile().length()).sum())
          .isEqualTo(made.imageBytes());
    }
  }

  @Test
  void memoryMayComeWithoutAStateFile() throws Exception {
    ImportedMicrovm made = make("image", memory("mem", "a"), null);
    assertThat(made.hasState()).isFalse();
    try (Image image = Image.open(image("image"))) {
      assertThat(image.deviceState()).isEmpty();
    }
  }

  @Test
  void differenceLiesOverAMemoryFileOverAnImageAndOverWhatCameOfThat() throws Exception {
    Path base = memory("base", "abc..def....");
    Path first = memory("first", ".X.Y.zz.....");
    Path second = memory("second", "Q......Z...R");
    assumeHoles(first);
    make("over-file", first, base);
    assertThat(content("over-file")).isEqualTo("aXcY...f....");
    make("base-image", base, null);
    make("over-image", first, image("base-image"));
    assertThat(content("over-image")).isEqualTo("aXcY...f....");
    ImportedMicrovm made = make("over-both", second, image("over-image"));
    assertThat(content("over-both")).isEqualTo("QXcY...Z...R");
    assertThat(made.zeroPages()).isEqualTo(6);
  }

  @Test
  void differenceWithoutAnyDataIsItsBase() throws Exception {
    Path nothing = memory("nothing", "........");
    assumeHoles(nothing);
    make("same", nothing, memory("base", ".ab..cd."));
    assertThat(content("same")).isEqualTo(".ab..cd.");
  }

  @Test
  void randomDifferencesAreWhatTheyAre() throws Exception {
    assumeHoles(memory("probe", "........"));
    long seed = System.nanoTime();
    Random random = new Random(seed);
    Path base = memory("base", pages(random, 900));
    Path difference = memory("difference", pages(random, 900));
    make("image", difference, base);
    make("base-image", base, null);
    make("over-image", difference, image("base-image"));
    byte[] below = Files.readAllBytes(base);
    byte[] above = Files.readAllBytes(difference);
    StringBuilder expected = new StringBuilder();
    try (SparseFile holes = SparseFile.open(difference)) {
      for (int page = 0; page < 900; page++) {
        int at = page * MemoryMap.PAGE_BYTES;
        byte fill = holes.nextData(at) == at ? above[at] : below[at];
        expected.append(fill == 0 ? '.' : (char) fill);
      }
    }
    assertThat(content("image")).as("seed %d", seed).isEqualTo(expected.toString());
    assertThat(content("over-image")).as("seed %d", seed).isEqualTo(expected.toString());
  }

  private static String pages(Random random, int count) {
    StringBuilder pages = new StringBuilder();
    while (pages.length() < count) {
      char fill = random.nextBoolean() ? '.' : (char) ('a' + random.nextInt(26));
      pages.append(String.valueOf(fill).repeat(1 + random.nextInt(20)));
    }
    return pages.substring(0, count);
  }

  @Test
  void differenceThatDoesNotFitItsBaseIsRefused() throws Exception {
    Path base = memory("base", "abcd");
    assertRefused(memory("longer", "a...b"), base, "longer", "they are not of one microVM");
    assertRefused(memory("whole", "abcd"), base, "whole", "without any hole", "--base");
    assertRefused(memory("some", "a..b"), directory.resolve("none"), "none");
    assertRefused(memory("more", "a..b"), directory, "is not an image");
  }

  @Test
  void imageOfAnotherKindIsNoBase() throws Exception {
    MemoryMap map = new MemoryMap(List.of(new Region("pc.ram", 4 * 4096, 4096)));
    try (ImageWriter writer =
        ImageWriter.create(image("qemu-image"), map, ImageWriter.Options.DEFAULT)) {
      writer.commit(new Manifest("qemu", Instant.EPOCH, map, Map.of()));
    }
    assertRefused(memory("some", "a..b"), image("qemu-image"), "kind 'qemu'");
  }

  @Test
  void whatIsNoMemoryFileIsRefused() throws Exception {
    assertRefused(directory, null, "is a directory");
    assertRefused(directory.resolve("absent"), null, "absent");
    assertRefused(Files.write(directory.resolve("empty"), new byte[0]), null, "this has 0 bytes");
    assertRefused(
        Files.write(directory.resolve("odd"), new byte[5000]),
        null,
        "whole pages of 4096 bytes, this has 5000 bytes");
    assertRefused(Path.of("/dev/null"), null, "this has 0 bytes");
  }

  @Test
  void damagedStateFileMakesNoImage() throws Exception {
    byte[] state = SnapshotBuilder.bincode(SnapshotBuilder.X86_64, "5.0.0");
    state[50] ^= 1;
    Path file = Files.write(directory.resolve("vmstate"), state);
    Path memory = memory("mem", "ab");
    assertThatThrownBy(() -> make("refused", new SnapshotFiles(memory, file, null)))
        .isInstanceOf(SnapshotException.class)
        .hasMessageContaining("CRC64");
    assertNothingLeft("refused");
  }

  @Test
  void imageThatExistsIsLeftAlone() throws Exception {
    Path memory = memory("mem", "ab");
    make("image", memory, null);
    assertThatThrownBy(() -> make("image", memory, null))
        .isInstanceOf(FileAlreadyExistsException.class);
    assertThat(content("image")).isEqualTo("ab");
  }

  @Test
  void cancelledImportLeavesNothing() throws Exception {
    Path memory = memory("mem", "ab".repeat(4_000));
    AtomicReference<@Nullable FirecrackerImport> running = new AtomicReference<>();
    Thread canceller =
        new Thread(() -> {
          FirecrackerImport work = running.get();
          if (work != null) {
            work.close();
          }
        });
    FirecrackerImport work =
        new FirecrackerImport(
            new SnapshotFiles(memory, null, null),
            image("cancelled"),
            ImageWriter.Options.DEFAULT,
            (_, _) -> {
              if (canceller.getState() == Thread.State.NEW) {
                canceller.start();
              }
              while (canceller.getState() != Thread.State.TIMED_WAITING) {
                Thread.onSpinWait(); // until it has cancelled, and waits for the end
              }
            });
    running.set(work);
    assertThatThrownBy(work::run).hasMessage("cancelled");
    canceller.join();
    assertNothingLeft("cancelled");
  }
}
