package org.rekindle.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rekindle.image.FaultyFiles.Fault;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.AccessLocality;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.RunHistory;

class RelayoutTest {
  private static final ImageWriter.Options OPTIONS = new ImageWriter.Options(Codec.LZ4, 4);
  private static final int ENOUGH_STEPS = 200;

  @TempDir Path temp;

  private Path directory() {
    return temp.resolve("image");
  }

  private static int[] shuffled(int pages, long seed) {
    List<Integer> order = new ArrayList<>(IntStream.range(0, pages).boxed().toList());
    Collections.shuffle(order, new Random(seed));
    return order.stream().mapToInt(Integer::intValue).toArray();
  }

  private void requireWhole(RandomGuest guest) throws IOException {
    try (Image image = Image.open(directory())) {
      assertThat(image.manifest()).isEqualTo(guest.manifest());
      assertThat(image.deviceState()).isEqualTo(guest.deviceState);
      ImageRoundTripTest.checkStore(image.base(), guest);
      image.verify((done, total) -> {});
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5})
  void everyLayoutHasTheSamePages(long seed) throws IOException {
    RandomGuest guest = new RandomGuest(seed, 300);
    guest.save(directory(), OPTIONS);
    Profile profile = guest.profile();
    Image.attach(directory(), profile, new RunHistory(List.of(profile)));
    for (int[] order :
        List.of(
            shuffled(guest.pages.length, seed),
            AccessLocality.order(List.of(profile), guest.pages.length))) {
      Image.relayout(directory(), order, (done, total) -> {});
      requireWhole(guest);
      try (Image image = Image.open(directory())) {
        requireLaidOut(image.base(), order);
        assertThat(image.profile().orElseThrow().pages()).isEqualTo(profile.pages());
        assertThat(image.runs().runs()).hasSize(1);
        ImageRoundTripTest.checkStore(image.hot().orElseThrow(), guest);
      }
    }
    assertThat(ImageRoundTripTest.names(directory()))
        .containsExactly(
            "attach.lock",
            "base.3.index",
            "base.3.pages",
            "device.state",
            "hot.1.index",
            "hot.1.pages",
            "manifest.json",
            "profile.1",
            "runs.1");
    Image.attach(directory(), profile); // and the next change finds its way
    requireWhole(guest);
  }

  @Test
  void itTellsHowFarItIs() throws IOException {
    RandomGuest guest = new RandomGuest(7, 300);
    guest.save(directory(), OPTIONS);
    List<Long> told = new ArrayList<>();
    Set<Long> totals = new HashSet<>();
    Image.relayout(
        directory(),
        shuffled(guest.pages.length, 7),
        (done, total) -> {
          told.add(done);
          totals.add(total);
        });
    assertThat(told).isSorted().hasSizeGreaterThan(3);
    assertThat(totals).containsExactly(told.getLast());
  }

  private static void requireLaidOut(PageStore base, int[] order) {
    long highest = -1;
    for (int page : order) {
      int block = base.blockOf(page);
      if (block >= 0) {
        long place = (long) block << 32 | base.slotOf(page);
        if (place > highest) {
          highest = place;
        } else { // an identical page came before
          assertThat(base.pagesServed(block)).isGreaterThan(1);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aRelayoutThatFailsLeavesTheOldOrTheNewLayout(Fault fault) throws IOException {
    RandomGuest guest = new RandomGuest(21, 40);
    guest.save(directory(), OPTIONS);
    Image.attach(directory(), guest.profile());
    List<String> before = ImageRoundTripTest.names(directory());
    int[] order = shuffled(guest.pages.length, 21);
    boolean sawOld = false;
    boolean sawNew = false;
    for (int step = 0; ; step++) {
      assertThat(step).isLessThan(ENOUGH_STEPS);
      FaultyFiles files = new FaultyFiles(temp, fault, step);
      try {
        Image.relayout(files.path(directory()), order, (done, total) -> {});
        if (!files.failed()) {
          break;
        }
      } catch (IOException failed) {
        if (fault == Fault.DISK_FULL) {
          assertThat(failed.getMessage()).contains("No space left on device");
        }
      }
      if (Files.exists(directory().resolve("base.pages"))) {
        sawOld = true;
      } else {
        sawNew = true;
      }
      requireWhole(guest);
    }
    requireWhole(guest);
    assertThat(sawOld).isTrue();
    assertThat(sawNew).isTrue();
    assertThat(ImageRoundTripTest.names(directory())).hasSameSizeAs(before); // nothing half done
  }

  @Test
  void aLayoutThatLacksOrRepeatsAPageIsRefused() throws IOException {
    RandomGuest guest = new RandomGuest(22, 40);
    guest.save(directory(), OPTIONS);
    int[] all = shuffled(guest.pages.length, 22);
    int[] twice = all.clone();
    twice[0] = twice[1];
    for (int[] order : List.of(Arrays.copyOf(all, all.length - 1), twice, new int[] {-1})) {
      assertThatThrownBy(() -> Image.relayout(directory(), order, (done, total) -> {}))
          .isInstanceOf(IllegalArgumentException.class);
    }
    requireWhole(guest);
  }

  /**
   * A guest that touches every fourth page, in blocks of four: as saved, nothing that a miss brings
   * is of use; laid out by the run, all of it is. Then a second run with half of those pages and
   * others: eight misses bring what is touched in part.
   */
  @Test
  void theUseOfBlocksIsAsWorkedOutByHand() throws IOException {
    int pages = 64;
    MemoryMap memory = new MemoryMap(List.of(new Region("ram", pages * 4096L, 4096)));
    try (ImageWriter writer = ImageWriter.create(directory(), memory, OPTIONS)) {
      for (int page = 0; page < pages; page++) {
        byte[] content = new byte[4096];
        ByteBuffer.wrap(content).putInt(page + 1);
        writer.page(page, MemorySegment.ofArray(content), 0);
      }
      writer.commit(new Manifest("test", Instant.EPOCH, memory, Map.of()));
    }
    Profile strided = run(IntStream.range(0, 16).map(i -> (i * 5 % 16) * 4).toArray());
    Profile other = run(0, 20, 40, 60, 1, 2, 3);
    try (Image image = Image.open(directory())) {
      assertThat(BlockUse.of(image.base(), strided)).isEqualTo(new BlockUse(16, 48, 0));
      // 0 brings 1, 2 and 3; the others nothing of use
      assertThat(BlockUse.of(image.base(), other)).isEqualTo(new BlockUse(4, 12, 3));
    }
    int[] order = AccessLocality.order(List.of(strided), pages);
    try (Image image = Image.open(directory())) {
      assertThat(BlockUse.ofOrder(image.base(), order, 4, strided))
          .isEqualTo(new BlockUse(4, 12, 12));
      assertThat(BlockUse.ofOrder(image.base(), order, 4, other)).isEqualTo(new BlockUse(2, 6, 5));
    }
    Image.relayout(directory(), order, (done, total) -> {});
    try (Image image = Image.open(directory())) {
      assertThat(BlockUse.of(image.base(), strided)).isEqualTo(new BlockUse(4, 12, 12));
      assertThat(BlockUse.of(image.base(), strided).usedShare()).isEqualTo(1);
      // 0 brings 20, 40 and 60, and 1 brings 2 and 3, and 5, which lies behind them
      assertThat(BlockUse.of(image.base(), other)).isEqualTo(new BlockUse(2, 6, 5));
    }
  }

  private static Profile run(int... pages) {
    Access[] access = new Access[pages.length];
    Arrays.fill(access, Access.UNKNOWN);
    return new Profile(pages, new long[pages.length], access, 1, "record");
  }
}
