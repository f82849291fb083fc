package org.rekindle.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.RunHistory;

/** Images whose files were damaged on disk. */
class DamagedImageTest {
  private static final long SEED = 21;

  @TempDir Path temp;
  private final Random random = new Random(SEED);
  private final RandomGuest guest = new RandomGuest(SEED, 40);
  private Path directory = Path.of("");
  private final Profile profile = guest.profile();

  @BeforeEach
  void save() throws IOException {
    directory = temp.resolve("image");
    guest.save(directory, new ImageWriter.Options(Codec.ZSTD, 4));
    Image.attach(directory, profile, new RunHistory(List.of(profile)));
  }

  private static final List<String> METADATA =
      List.of("manifest.json", "base.index", "hot.1.index", "profile.1", "runs.1", "device.state");

  @Test
  void damagedMetadataIsNamedAtOpen() throws IOException {
    for (String name : METADATA) {
      Path file = directory.resolve(name);
      byte[] good = Files.readAllBytes(file);
      int step = Math.max(1, good.length / 60);
      for (int at = 0; at < good.length; at += step) {
        byte[] bad = good.clone();
        bad[at] ^= (byte) (1 << random.nextInt(8));
        Files.write(file, bad);
        requireNamedOrWhole(name);
        Files.write(file, Arrays.copyOf(good, at));
        requireNamedOrWhole(name);
      }
      Files.write(file, Arrays.copyOf(good, good.length + 1));
      requireNamedOrWhole(name);
      Files.write(file, good);
    }
    requireWhole();
  }

  private void requireNamedOrWhole(String name) throws IOException {
    try {
      requireWhole();
    } catch (CorruptImageException expected) {
      assertThat(expected.getMessage()).contains(name);
    }
  }

  private void requireWhole() throws IOException {
    try (Image image = Image.open(directory)) {
      assertThat(image.manifest()).isEqualTo(guest.manifest());
      assertThat(image.deviceState()).isEqualTo(guest.deviceState);
      assertThat(image.profile().orElseThrow().pages()).isEqualTo(profile.pages());
      assertThat(image.runs().runs().getFirst().pages()).isEqualTo(profile.pages());
    }
  }

  @Test
  void damagedPagesAreNamedWithFileBlockAndOffset() throws IOException {
    for (String name : List.of("base.pages", "hot.1.pages")) {
      Path file = directory.resolve(name);
      byte[] good = Files.readAllBytes(file);
      try (Image image = Image.open(directory)) {
        PageStore store = name.startsWith("base") ? image.base() : image.hot().orElseThrow();
        for (int block = 0; block < store.blocks(); block++) {
          byte[] bad = good.clone();
          int at = (int) store.offset(block) + random.nextInt(store.storedBytes(block));
          bad[at] ^= (byte) (1 << random.nextInt(8));
          Files.write(file, bad);
          String place = "block %d at offset %d ".formatted(block, store.offset(block));
          assertThatThrownBy(() -> image.verify((done, total) -> {}))
              .isInstanceOf(CorruptImageException.class)
              .hasMessageContaining(file.toString())
              .hasMessageContaining(place)
              .hasMessageContaining("checksum");
        }
      }
      Files.write(file, good);
    }
  }

  @Test
  void pageFilesOfAnotherLengthAreNamedAtOpen() throws IOException {
    for (String name : List.of("base.pages", "hot.1.pages")) {
      Path file = directory.resolve(name);
      byte[] good = Files.readAllBytes(file);
      for (int bytes : new int[] {0, good.length - 1, good.length + 1}) {
        Files.write(file, Arrays.copyOf(good, bytes));
        assertThatThrownBy(() -> Image.open(directory))
            .isInstanceOf(CorruptImageException.class)
            .hasMessageContaining(name)
            .hasMessageContaining(good.length + " expected");
      }
      Files.write(file, good);
    }
  }

  @Test
  void missingFilesAreNamed() throws IOException {
    for (String name : ImageRoundTripTest.names(directory)) {
      if (name.equals("attach.lock")) {
        continue;
      }
      Path file = directory.resolve(name);
      byte[] good = Files.readAllBytes(file);
      Files.delete(file);
      assertThatThrownBy(() -> Image.open(directory))
          .isInstanceOf(CorruptImageException.class)
          .hasMessageContaining(name);
      Files.write(file, good);
    }
    assertThatThrownBy(() -> Image.open(temp.resolve("nothing")))
        .isInstanceOf(NoSuchFileException.class);
    assertThatThrownBy(() -> Image.open(temp))
        .isInstanceOf(CorruptImageException.class)
        .hasMessageContaining("not an image");
  }

  @Test
  void anAbsurdlyLongManifestIsNotRead() throws IOException {
    try (var channel =
        Files.newByteChannel(
            directory.resolve("manifest.json"), java.nio.file.StandardOpenOption.WRITE)) {
      channel.position((16 << 20) + 1).write(java.nio.ByteBuffer.wrap(new byte[1]));
    }
    assertThatThrownBy(() -> Image.open(directory))
        .isInstanceOf(CorruptImageException.class)
        .hasMessageContaining("at most");
  }

  /** All checksums hold here: only the comparison of the two copies can tell. */
  @Test
  void aGuestThatDoesNotFitTheHeapIsRefusedBeforeItsArraysAreMade() throws IOException {
    long heapPages = Runtime.getRuntime().maxMemory() / 24 + 1;
    assumeTrue(heapPages <= 1 << 28, "this heap holds the largest guest that there can be");
    try (Image image = Image.open(directory)) {
      ImageFiles files = image.files();
      Manifest large =
          new Manifest(
              "qemu",
              files.manifest().created(),
              new MemoryMap(List.of(new Region("ram", heapPages * 4096, 4096))),
              Map.of());
      Files.write(
          directory.resolve("manifest.json"),
          ManifestFile.encode(
              new ImageFiles(large, 0, files.deviceState(), files.base(), null, null, null)));
    }
    assertThatThrownBy(() -> Image.open(directory))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("-Xmx");
  }

  @Test
  void aHotCopyThatDiffersFromTheBaseIsFound() throws IOException {
    RandomGuest other = new RandomGuest(SEED, 40);
    int page = profile.page(0);
    for (int rank = 0; other.isZero(page); page = profile.page(++rank)) {}
    other.pages[page] = other.pages[page].clone();
    other.pages[page][1234] ^= 1;
    Path otherDirectory = temp.resolve("other");
    other.save(otherDirectory, new ImageWriter.Options(Codec.ZSTD, 4));
    Image.attach(otherDirectory, profile);
    ImageFiles forged;
    try (Image image = Image.open(directory);
        Image otherImage = Image.open(otherDirectory)) {
      ImageFiles files = image.files();
      forged =
          new ImageFiles(
              files.manifest(),
              files.generation(),
              files.deviceState(),
              files.base(),
              otherImage.files().hot(),
              files.profile(),
              files.runs());
    }
    for (String name : List.of("hot.1.pages", "hot.1.index")) {
      Files.copy(
          otherDirectory.resolve(name),
          directory.resolve(name),
          StandardCopyOption.REPLACE_EXISTING);
    }
    Files.write(directory.resolve("manifest.json"), ManifestFile.encode(forged));
    try (Image image = Image.open(directory)) {
      String place = "its copy of page " + page + " differs";
      assertThatThrownBy(() -> image.verify((done, total) -> {}))
          .isInstanceOf(CorruptImageException.class)
          .hasMessageContaining(place);
    }
  }

  /** A block whose checksum was made to fit: the codec itself must hold. */
  @ParameterizedTest
  @EnumSource
  void aBlockMadeToHarmIsRefusedByItsCodec(Codec codec) throws IOException {
    byte[] pages = new byte[4 * 4096];
    for (int i = 0; i < pages.length; i++) {
      pages[i] = (byte) (random.nextInt(8) == 0 ? random.nextInt() : i >> 5);
    }
    try (Arena arena = Arena.ofConfined();
        BlockEncoder encoder = new BlockEncoder(new ImageWriter.Options(codec, 4), 4)) {
      MemorySegment native4 = arena.allocate(pages.length);
      native4.copyFrom(MemorySegment.ofArray(pages));
      encoder.encode(native4.asByteBuffer(), 4);
      byte[] stored = new byte[encoder.output().remaining()];
      encoder.output().get(stored);
      MemorySegment from = arena.allocate(stored.length + 64L);
      MemorySegment into = arena.allocate(pages.length + 64L);
      for (int round = 0; round < 3000; round++) {
        byte[] bad = stored.clone();
        for (int k = 0; k <= random.nextInt(3); k++) {
          bad[random.nextInt(bad.length)] = (byte) random.nextInt();
        }
        CRC32C crc = new CRC32C();
        crc.update(bad);
        BlockTable table = new BlockTable(1);
        table.add(bad.length, 4, encoder.table().codec(0), (int) crc.getValue());
        FileStore store =
            new FileStore(Path.of("x.pages"), new StoreIndex(table, new int[] {0, 1, 2, 3}));
        from.asSlice(0, bad.length).copyFrom(MemorySegment.ofArray(bad));
        into.fill((byte) 0x33);
        try (BlockDecoder decoder = store.newDecoder()) {
          decoder.decode(0, from, 0, into, 0);
        } catch (CorruptImageException expected) {
          assertThat(expected.getMessage()).contains("x.pages: block 0 at offset 0");
        }
        for (int i = 0; i < 64; i++) {
          assertThat(into.get(java.lang.foreign.ValueLayout.JAVA_BYTE, pages.length + i))
              .isEqualTo((byte) 0x33);
        }
      }
    }
  }
}
