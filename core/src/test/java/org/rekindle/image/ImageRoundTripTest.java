package org.rekindle.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rekindle.workingset.GapClosing;
import org.rekindle.workingset.Profile;

class ImageRoundTripTest {
  @TempDir Path temp;

  @ParameterizedTest(name = "seed {0}")
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
  void everyPageComesBackAsItWasGivenLast(long seed) throws IOException {
    RandomGuest guest = new RandomGuest(seed, 700);
    ImageWriter.Options options =
        new ImageWriter.Options(
            List.of(Codec.values()).get((int) seed % 3), new int[] {1, 7, 16, 256}[(int) seed % 4]);
    Path directory = temp.resolve("image");
    guest.save(directory, options);

    assertThat(names(temp)).containsExactly("image");
    try (Image image = Image.open(directory)) {
      assertThat(image.manifest()).isEqualTo(guest.manifest());
      assertThat(image.deviceState()).isEqualTo(guest.deviceState);
      assertThat(image.hot()).isEmpty();
      assertThat(image.profile()).isEmpty();
      checkPages(image, guest);
      checkStore(image.base(), guest);
      checkSummary(image, guest);
    }

    for (int times = 1; times <= 2; times++) {
      Profile profile = guest.profile();
      Image.attach(directory, profile);
      try (Image image = Image.open(directory)) {
        checkPages(image, guest);
        Profile found = image.profile().orElseThrow();
        assertThat(found.pages()).isEqualTo(profile.pages());
        assertThat(found.source()).isEqualTo(profile.source());
        assertThat(found.horizonNs()).isEqualTo(profile.horizonNs());
        PageStore hot = image.hot().orElseThrow();
        checkStore(hot, guest);
        checkHotOrder(hot, profile, guest);
        checkSummary(image, guest);
      }
      assertThat(names(directory))
          .containsExactly(
              "attach.lock",
              "base.index",
              "base.pages",
              "device.state",
              "hot." + times + ".index",
              "hot." + times + ".pages",
              "manifest.json",
              "profile." + times);
    }
  }

  private static void checkPages(Image image, RandomGuest guest) throws IOException {
    MemorySegment page = MemorySegment.ofArray(new byte[3 * 4096]);
    try (PageReader reader = image.newPageReader()) {
      for (int i = 0; i < guest.pages.length; i++) {
        reader.read(i, page, 5000);
        if (differs(page, 5000, guest.expected(i))
            || (image.base().blockOf(i) < 0) != guest.isZero(i)) {
          fail("page " + i + " is not as it was given last");
        }
      }
    }
  }

  private static boolean differs(MemorySegment found, long offset, byte[] expected) {
    return MemorySegment.mismatch(
            found, offset, offset + 4096, MemorySegment.ofArray(expected), 0, 4096)
        != -1;
  }

  /** The contract of {@link PageStore}, and the content of its blocks. */
  static void checkStore(PageStore store, RandomGuest guest) throws IOException {
    int mostSlots = 0;
    int mostBytes = 0;
    int served = 0;
    try (Arena arena = Arena.ofConfined();
        FileChannel channel = FileChannel.open(store.file());
        PageStore.Decoder decoder = store.newDecoder()) {
      MemorySegment stored = arena.allocate(store.maxStoredBytes() + 100L);
      MemorySegment raw = arena.allocate(store.maxSlots() * 4096L + 200);
      long end = store.blocks() == 0 ? 0 : store.offset(0);
      for (int block = 0; block < store.blocks(); block++) {
        assertThat(store.offset(block)).isEqualTo(end);
        end += store.storedBytes(block);
        mostSlots = Math.max(mostSlots, store.slots(block));
        mostBytes = Math.max(mostBytes, store.storedBytes(block));
        ByteBuffer into = stored.asSlice(100, store.storedBytes(block)).asByteBuffer();
        assertThat(channel.read(into, store.offset(block))).isEqualTo(store.storedBytes(block));
        raw.fill((byte) 0x55);
        decoder.decode(block, stored, 100, raw, 64);
        assertThat(raw.get(ValueLayout.JAVA_BYTE, 63)).isEqualTo((byte) 0x55);
        assertThat(raw.get(ValueLayout.JAVA_BYTE, 64 + store.slots(block) * 4096L))
            .isEqualTo((byte) 0x55);
        int slotBefore = 0;
        for (int k = 0; k < store.pagesServed(block); k++) {
          int page = store.servedPage(block, k);
          int slot = store.slotOf(page);
          if (store.blockOf(page) != block
              || slot < slotBefore
              || slot >= store.slots(block)
              || differs(raw, 64 + slot * 4096L, guest.expected(page))) {
            fail("block %d, page %d, slot %d after %d".formatted(block, page, slot, slotBefore));
          }
          slotBefore = slot;
          served++;
        }
      }
      assertThat(Files.size(store.file())).isEqualTo(end);
    }
    assertThat(store.maxSlots()).isEqualTo(mostSlots);
    assertThat(store.maxStoredBytes()).isEqualTo(mostBytes);
    int present = 0;
    for (int page = 0; page < guest.pages.length; page++) {
      present += store.blockOf(page) >= 0 ? 1 : 0;
    }
    assertThat(served).isEqualTo(present);
  }

  private static void checkHotOrder(PageStore hot, Profile profile, RandomGuest guest) {
    long highest = -1; // block and slot of the pages so far
    int present = 0;
    for (int rank = 0; rank < profile.size(); rank++) {
      int page = profile.page(rank);
      int block = hot.blockOf(page);
      assertThat(block < 0).isEqualTo(guest.isZero(page));
      if (block >= 0) {
        present++;
        long place = (long) block << 32 | hot.slotOf(page);
        if (place > highest) {
          highest = place;
        } else { // an identical page came before
          assertThat(hot.pagesServed(block)).isGreaterThan(1);
        }
      }
    }
    for (int page : GapClosing.close(profile)) {
      assertThat(hot.blockOf(page) < 0).isEqualTo(guest.isZero(page));
    }
    int served = 0;
    for (int block = 0; block < hot.blocks(); block++) {
      served += hot.pagesServed(block);
    }
    assertThat(served)
        .isGreaterThanOrEqualTo(present)
        .isEqualTo(
            IntStream.of(GapClosing.close(profile)).filter(page -> !guest.isZero(page)).count());
  }

  private static void checkSummary(Image image, RandomGuest guest) throws IOException {
    long[] last = {0, 0};
    ImageSummary summary =
        image.verify((done, total) -> {
          if (done < last[0] || done > total) {
            fail("progress went from " + last[0] + " to " + done);
          }
          last[0] = done;
          last[1] = total;
        });
    assertThat(last[0]).isEqualTo(last[1]);
    int zeros = 0;
    for (int page = 0; page < guest.pages.length; page++) {
      zeros += guest.isZero(page) ? 1 : 0;
    }
    assertThat(summary.zeroPages()).isEqualTo(zeros);
    assertThat(summary.guestPages()).isEqualTo(guest.pages.length);
    assertThat(summary.base().pages()).isEqualTo(guest.pages.length - zeros);
    assertThat(summary.base().slots() - summary.unusedSlots() + summary.identicalPages())
        .isEqualTo(summary.base().pages());
    assertThat(summary.workingSet().isPresent()).isEqualTo(image.profile().isPresent());
  }

  static List<String> names(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }
}
