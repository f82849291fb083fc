package org.rekindle.lab.simulator;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.Manifest;
import org.rekindle.image.PageStore;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;

/** A layout without an image against the image that is written. */
class ImageLayoutTest {
  private static final int PAGES = 75; // the last block is not full
  private static final int[] WORKING_SET = {
    70, 3, 2, 41, 9, 40, 11, 12, 13, 14, 15, 16, 18, 20, 1, 0, 5, 6
  };

  @TempDir Path dir;

  @Test
  void itIsThatOfTheImageThatIsWritten() throws IOException {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    BitSet zero = new BitSet();
    zero.set(40);
    zero.set(60, 63);
    Access[] access = new Access[WORKING_SET.length];
    Arrays.fill(access, Access.READ);
    Profile profile = new Profile(WORKING_SET, new long[WORKING_SET.length], access, 0, "test");
    ImageLayout layout = ImageLayout.written(PAGES, zero, 1).with(profile, 1);

    Path directory = dir.resolve("image");
    try (ImageWriter writer =
        ImageWriter.create(directory, layout.memory(), ImageWriter.Options.DEFAULT)) {
      byte[] page = new byte[4096];
      for (int i = 0; i < PAGES; i++) {
        if (!zero.get(i)) {
          random.nextBytes(page);
          writer.page(i, MemorySegment.ofArray(page), 0);
        }
      }
      writer.commit(new Manifest("test", Instant.EPOCH, layout.memory(), Map.of()));
    }
    Image.attach(directory, profile);
    try (Image image = Image.open(directory)) {
      ImageLayout real = ImageLayout.of(image);
      expectEqual(layout.base(), real.base());
      expectEqual(Objects.requireNonNull(layout.hot()), Objects.requireNonNull(real.hot()));
      assertThat(real.memory()).isEqualTo(layout.memory());
    }
  }

  private static void expectEqual(PageStore layout, PageStore real) {
    assertThat(layout.blocks()).isEqualTo(real.blocks());
    assertThat(layout.maxSlots()).isEqualTo(real.maxSlots());
    assertThat(layout.maxStoredBytes()).isEqualTo(real.maxStoredBytes());
    for (int block = 0; block < real.blocks(); block++) {
      assertThat(layout.offset(block)).isEqualTo(real.offset(block));
      assertThat(layout.storedBytes(block)).isEqualTo(real.storedBytes(block));
      assertThat(layout.isRaw(block)).isEqualTo(real.isRaw(block));
      assertThat(layout.slots(block)).isEqualTo(real.slots(block));
      assertThat(layout.pagesServed(block)).isEqualTo(real.pagesServed(block));
      for (int k = 0; k < real.pagesServed(block); k++) {
        assertThat(layout.servedPage(block, k)).isEqualTo(real.servedPage(block, k));
      }
    }
    for (int page = 0; page < PAGES; page++) {
      assertThat(layout.blockOf(page)).isEqualTo(real.blockOf(page));
      if (real.blockOf(page) >= 0) {
        assertThat(layout.slotOf(page)).isEqualTo(real.slotOf(page));
      }
    }
  }
}
