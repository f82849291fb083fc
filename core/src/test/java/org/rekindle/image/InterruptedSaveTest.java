package org.rekindle.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.rekindle.image.FaultyFiles.Fault;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.RunHistory;

/** Saving and attaching that fail at each of their steps in turn. */
class InterruptedSaveTest {
  private static final ImageWriter.Options OPTIONS = new ImageWriter.Options(Codec.LZ4, 4);
  private static final int ENOUGH_STEPS = 200;
  private static final RunHistory RUNS =
      new RunHistory(List.of(new Profile(new int[0], new long[0], new Access[0], 1, "test")));

  @TempDir Path temp;

  @ParameterizedTest
  @EnumSource
  void aSaveThatFailsLeavesNoImage(Fault fault) throws IOException {
    RandomGuest guest = new RandomGuest(7, 40);
    Path directory = temp.resolve("image");
    for (int step = 0; ; step++) {
      assertThat(step).isLessThan(ENOUGH_STEPS);
      FaultyFiles files = new FaultyFiles(temp, fault, step);
      try {
        guest.save(files.path(directory), OPTIONS);
        if (!files.failed()) {
          break;
        }
      } catch (IOException failed) {
        if (fault == Fault.DISK_FULL) {
          assertThat(failed).hasMessageContaining(temp.toString());
          assertThat(failed.getMessage()).contains("No space left on device");
        }
      }
      boolean durable = Files.exists(directory); // the last step only syncs the parent's names
      if (fault == Fault.DISK_FULL) {
        assertThat(ImageRoundTripTest.names(temp))
            .isEqualTo(durable ? List.of("image") : List.of());
      }
      if (durable) {
        requireWhole(directory, guest);
      }
      empty(temp);
    }
    requireWhole(directory, guest);
  }

  @ParameterizedTest
  @EnumSource
  void anAttachmentThatFailsLeavesTheOldOrTheNewProfile(Fault fault) throws IOException {
    RandomGuest guest = new RandomGuest(8, 40);
    Path directory = temp.resolve("image");
    guest.save(directory, OPTIONS);
    Profile old = guest.profile().first(10);
    Image.attach(directory, old, RUNS);
    Profile next = guest.profile().first(11);
    boolean sawOld = false;
    boolean sawNew = false;
    for (int step = 0; ; step++) {
      assertThat(step).isLessThan(ENOUGH_STEPS);
      FaultyFiles files = new FaultyFiles(temp, fault, step);
      try {
        Image.attach(files.path(directory), next, RUNS);
        if (!files.failed()) {
          break;
        }
      } catch (IOException failed) {
        if (fault == Fault.DISK_FULL) {
          assertThat(failed.getMessage()).contains("No space left on device");
        }
      }
      try (Image image = requireWhole(directory, guest)) {
        int[] found = image.profile().orElseThrow().pages();
        if (Arrays.equals(found, old.pages())) {
          sawOld = true;
        } else {
          assertThat(found).isEqualTo(next.pages());
          sawNew = true;
          Image.attach(directory, old, RUNS);
        }
      }
      if (fault == Fault.DISK_FULL) {
        assertThat(ImageRoundTripTest.names(directory)).hasSize(9); // and nothing half done
      }
    }
    assertThat(sawOld).isTrue();
    assertThat(sawNew).isTrue();
    assertThat(ImageRoundTripTest.names(directory)).hasSize(9);
    try (Image image = requireWhole(directory, guest)) {
      assertThat(image.profile().orElseThrow().pages()).isEqualTo(next.pages());
    }
  }

  @Test
  void aSecondAttachmentAtTheSameTimeIsRefused() throws IOException {
    RandomGuest guest = new RandomGuest(12, 40);
    Path directory = temp.resolve("image");
    guest.save(directory, OPTIONS);
    try (FileChannel channel =
            FileChannel.open(
                directory.resolve("attach.lock"),
                StandardOpenOption.CREATE,
                StandardOpenOption.WRITE);
        FileLock held = channel.lock()) {
      assertThat(held.isValid()).isTrue();
      assertThatThrownBy(() -> Image.attach(directory, guest.profile()))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("try again");
    }
    Image.attach(directory, guest.profile());
  }

  @Test
  void aProfileOfAnotherGuestIsRefused() throws IOException {
    RandomGuest guest = new RandomGuest(13, 40);
    Path directory = temp.resolve("image");
    guest.save(directory, OPTIONS);
    for (int[] pages : new int[][] {{guest.memory.pages()}, {-1}, {3, 3}}) {
      Access[] access = new Access[pages.length];
      Arrays.fill(access, Access.READ);
      Profile profile = new Profile(pages, new long[pages.length], access, 1, "test");
      assertThatThrownBy(() -> Image.attach(directory, profile))
          .isInstanceOf(IllegalArgumentException.class);
    }
    requireWhole(directory, guest).close();
  }

  /** The kernel's own full disk: what the double above imitates. */
  @Test
  @Tag("slow")
  void aFullTmpfsIsReportedAndLeftEmpty() throws IOException, InterruptedException {
    Path mount = Files.createDirectory(temp.resolve("small"));
    Process process =
        new ProcessBuilder("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", mount.toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assumeTrue(process.waitFor() == 0, "needs the right to mount a tmpfs: " + said);
    try {
      RandomGuest guest = new RandomGuest(14, 2000);
      assertThatThrownBy(() -> guest.save(mount.resolve("image"), OPTIONS))
          .isInstanceOf(IOException.class)
          .hasMessageContaining(mount.toString())
          .hasMessageContaining("No space left on device");
      assertThat(ImageRoundTripTest.names(mount)).isEmpty();
    } finally {
      new ProcessBuilder("umount", mount.toString()).inheritIO().start().waitFor();
    }
  }

  @Test
  void closingWithoutCommitLeavesNothing() throws IOException {
    MemoryMap memory = new MemoryMap(List.of(new Region("ram", 4096L * 5000, 4096)));
    MemorySegment page = MemorySegment.ofArray(new byte[4096]);
    try (ImageWriter writer = ImageWriter.create(temp.resolve("image"), memory, OPTIONS)) {
      for (int i = 0; i < 5000; i++) {
        page.set(ValueLayout.JAVA_INT_UNALIGNED, 0, i + 1);
        writer.page(i, page, 0);
      }
      assertThat(ImageRoundTripTest.names(temp)).hasSize(1);
    }
    assertThat(ImageRoundTripTest.names(temp)).isEmpty();
  }

  @Test
  void anExistingDirectoryIsNeitherReplacedNorTouched() throws IOException {
    RandomGuest guest = new RandomGuest(9, 20);
    Path directory = Files.createDirectory(temp.resolve("image"));
    Path file = Files.writeString(directory.resolve("precious"), "x");
    assertThatThrownBy(() -> guest.save(directory, OPTIONS))
        .isInstanceOf(FileAlreadyExistsException.class)
        .hasMessageContaining(directory.toString());
    assertThat(file).hasContent("x");
    assertThat(ImageRoundTripTest.names(temp)).containsExactly("image");
  }

  @Test
  void otherMemoryThanAtFirstIsRefusedAtCommit() throws IOException {
    MemoryMap memory = new MemoryMap(List.of(new Region("ram", 4096, 4096)));
    RandomGuest guest = new RandomGuest(10, 20);
    try (ImageWriter writer = ImageWriter.create(temp.resolve("image"), memory, OPTIONS)) {
      assertThatThrownBy(() -> writer.commit(guest.manifest()))
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThat(ImageRoundTripTest.names(temp)).isEmpty();
  }

  @Test
  void anInterruptedSaverStopsAndLeavesNothing() throws IOException {
    RandomGuest guest = new RandomGuest(11, 40);
    Thread.currentThread().interrupt();
    try {
      guest.save(temp.resolve("image"), OPTIONS);
      fail("an interrupted thread went on");
    } catch (IOException expected) {
      assertThat(expected).isInstanceOf(java.io.InterruptedIOException.class);
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
    assertThat(ImageRoundTripTest.names(temp)).isEmpty();
  }

  private static Image requireWhole(Path directory, RandomGuest guest) throws IOException {
    Image image = Image.open(directory);
    assertThat(image.manifest()).isEqualTo(guest.manifest());
    assertThat(image.deviceState()).isEqualTo(guest.deviceState);
    ImageRoundTripTest.checkStore(image.base(), guest);
    image.verify((done, total) -> {});
    return image;
  }

  private static void empty(Path directory) throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      for (Path entry : entries.toList()) {
        if (Files.isDirectory(entry)) {
          empty(entry);
        }
        Files.delete(entry);
      }
    }
  }
}
