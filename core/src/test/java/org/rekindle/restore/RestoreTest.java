package org.rekindle.restore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.rekindle.image.CorruptImageException;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.Manifest;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;

/** The pager on a real image and a scripted guest: every plan, byte by byte. */
@Timeout(60)
class RestoreTest {
  /** 2,048 pages of ram, of which every eighth is zero, and a rom. */
  private static final MemoryMap MEMORY =
      new MemoryMap(
          List.of(new Region("ram", 2048L * 4096, 4096), new Region("rom", 64L * 4096, 4096)));

  /** A working set that jumps about, with a zero page (800) in it. */
  private static final int[] SET =
      IntStream.concat(IntStream.range(0, 200).map(i -> (i * 613 + 5) % 2048), IntStream.of(800))
          .toArray();

  private static final Strategy.Options FAST_FILL = new Strategy.Options(1_000_000, 1 << 30);

  @TempDir Path dir;
  private Path directory;

  @BeforeEach
  void save() throws IOException {
    directory = dir.resolve("image");
    try (ImageWriter writer = ImageWriter.create(directory, MEMORY, ImageWriter.Options.DEFAULT)) {
      for (int page = 0; page < MEMORY.pages(); page++) {
        writer.page(page, MemorySegment.ofArray(content(page)), 0);
      }
      writer.deviceState(new byte[] {1, 2, 3});
      writer.commit(new Manifest("test", Instant.EPOCH, MEMORY, Map.of()));
    }
  }

  private void record() throws IOException {
    long[] touchNs = IntStream.range(0, SET.length).mapToLong(i -> i * 1000L).toArray();
    Access[] access = new Access[SET.length];
    Arrays.fill(access, Access.UNKNOWN);
    Image.attach(directory, new Profile(SET, touchNs, access, 1_000_000, "test"));
  }

  private static byte[] content(int page) {
    byte[] bytes = new byte[4096];
    if (page % 8 != 0) {
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      while (buffer.hasRemaining()) {
        buffer.putLong(page % 100 == 99 ? 42 : page * 1_000_003L + buffer.position() / 64);
      }
    }
    return bytes;
  }

  private static ScriptedGuest guest(int... touches) {
    return new ScriptedGuest(MEMORY, RestoreTest::content, touches);
  }

  private Outcome restore(Strategy strategy, ScriptedGuest guest) throws IOException {
    try (Image image = Image.open(directory)) {
      return new Restore(image, guest, strategy.plan(image, FAST_FILL)).run();
    }
  }

  @ParameterizedTest
  @EnumSource(Strategy.class)
  void everyStrategyPlacesEveryPageOnceAndRight(Strategy strategy) throws IOException {
    record();
    ScriptedGuest guest = guest(SET);
    Outcome outcome = restore(strategy, guest);
    assertThat(guest.present.cardinality()).isEqualTo(MEMORY.pages());
    assertThat(outcome.tally().placed()).isEqualTo(MEMORY.pages());
    assertThat(outcome.tally().zeroPages()).isEqualTo(MEMORY.pages() / 8);
    assertThat(outcome.faults().size()).isEqualTo(2 * guest.faulted.size());
    assertThat(outcome.allInNs()).isGreaterThanOrEqualTo(outcome.startedNs());
    for (int i = 0; i < outcome.faults().size(); i++) {
      assertThat(outcome.faults().servedNs(i))
          .isGreaterThanOrEqualTo(outcome.faults().arrivalNs(i));
    }
  }

  @ParameterizedTest
  @EnumSource(Strategy.class)
  void anImageLaidOutByAccessIsRestoredByEveryStrategy(Strategy strategy) throws IOException {
    record();
    Image.relayout(
        directory,
        IntStream.range(0, MEMORY.pages()).map(i -> i * 613 % MEMORY.pages()).toArray(),
        (done, total) -> {});
    ScriptedGuest guest = guest(SET);
    restore(strategy, guest);
    assertThat(guest.present.cardinality()).isEqualTo(MEMORY.pages());
  }

  @ParameterizedTest
  @EnumSource(Strategy.class)
  void placementsThatMustBeRetriedAreRetried(Strategy strategy) throws IOException {
    record();
    ScriptedGuest guest = guest(SET);
    guest.retryEvery = 3;
    restore(strategy, guest);
    assertThat(guest.present.cardinality()).isEqualTo(MEMORY.pages());
  }

  @ParameterizedTest
  @EnumSource(Strategy.class)
  void aGuestThatTakesOnlyDemandAtFirstWaitsForNothingElse(Strategy strategy) throws IOException {
    record();
    // From the far end, so that the stream cannot have brought them; one page of a block each.
    int[] touches = IntStream.range(0, 200).map(i -> 2047 - 8 * i).toArray();
    ScriptedGuest guest = guest(touches);
    guest.touchesBeforeReady = touches.length;
    Outcome outcome = restore(strategy, guest);
    assertThat(guest.present.cardinality()).isEqualTo(MEMORY.pages());
    assertThat(guest.faulted).hasSize(touches.length);
    assertThat(outcome.faults().size()).isEqualTo(2 * touches.length);
  }

  @ParameterizedTest
  @EnumSource(Strategy.class)
  void pagesGivenBackReadAsZeros(Strategy strategy) throws IOException {
    record();
    for (int at : new int[] {0, 1, 300, 2000}) {
      ScriptedGuest guest =
          guest(IntStream.concat(Arrays.stream(SET), IntStream.range(90, 180)).toArray());
      guest.givesBackAt = at;
      guest.givesBack = new int[] {100, 150};
      guest.retryEvery = 7;
      Outcome outcome = restore(strategy, guest);
      assertThat(guest.givenBack.cardinality()).isEqualTo(150);
      assertThat(outcome.tally().placed()).as("given back at %d", at).isEqualTo(MEMORY.pages());
      assertThat(outcome.faults().size()).isEqualTo(2 * guest.faulted.size());
    }
  }

  @Test
  void aPageGivenBackWhileTheGuestWaitsForItIsAnsweredWithZeros() throws IOException {
    ScriptedGuest guest = guest(101);
    guest.givesBackAt = 0;
    guest.givesBack = new int[] {100, 4};
    guest.retryEvery = 1 << 20;
    try (Image image = Image.open(directory)) {
      Outcome outcome = new Restore(image, guest, Strategy.recording(image)).run(200_000_000);
      assertThat(guest.placedInOrder).containsExactly(101);
      assertThat(outcome.tally().placed(Cause.REMOVED)).isEqualTo(4);
      assertThat(outcome.faults().cause(0)).isEqualTo(Cause.DEMAND_ZERO);
    }
  }

  /** As a userfaultfd does: it refuses to fill the page until it has been read that it is gone. */
  @Test
  void aPageGivenBackWhileItIsBeingPlacedForAFaultIsAnsweredWithZeros() throws IOException {
    ScriptedGuest guest =
        new ScriptedGuest(MEMORY, RestoreTest::content, 101) {
          @Override
          public int place(
              int page, int pages, @Nullable MemorySegment data, long offset, boolean demanded) {
            if (givesBackAt != 0) {
              givesBackAt = 0;
              givesBack = new int[] {100, 4};
              return 0;
            }
            return super.place(page, pages, data, offset, demanded);
          }
        };
    try (Image image = Image.open(directory)) {
      Outcome outcome = new Restore(image, guest, Strategy.recording(image)).run(200_000_000);
      assertThat(guest.placedInOrder).containsExactly(101);
      assertThat(outcome.faults().cause(0)).isEqualTo(Cause.DEMAND_ZERO);
    }
  }

  @ParameterizedTest
  @EnumSource(Strategy.class)
  void hugePagesAreWaitedForAsOne(Strategy strategy) throws IOException {
    record();
    ScriptedGuest guest = guest(SET);
    guest.unitPages = 64;
    guest.retryEvery = 50;
    Outcome outcome = restore(strategy, guest);
    assertThat(guest.present.cardinality()).isEqualTo(MEMORY.pages());
    assertThat(outcome.faults().size()).isEqualTo(2 * guest.faulted.size());
    assertThat(guest.faulted.size()).isLessThanOrEqualTo(MEMORY.pages() / 64);
  }

  @Test
  void neighboursInMemoryArePlacedInRuns() throws IOException {
    ScriptedGuest guest = guest();
    restore(Strategy.EAGER, guest);
    assertThat(guest.longestRun).isEqualTo(7); // every eighth page is zero
  }

  @Test
  void aMachineThatLivesOnIsRecordedForATimeAndThenFilled() throws IOException {
    ScriptedGuest guest = guest(SET);
    try (Image image = Image.open(directory)) {
      long windowNs = 300_000_000;
      Outcome outcome = new Restore(image, guest, Strategy.recording(image, windowNs)).run();
      assertThat(guest.present.cardinality()).isEqualTo(MEMORY.pages());
      assertThat(outcome.allInNs() - outcome.startedNs()).isGreaterThanOrEqualTo(windowNs);
      Profile profile = Recording.profile(outcome, windowNs);
      assertThat(profile.pages()).isEqualTo(SET);
      assertThat(profile.horizonNs()).isLessThanOrEqualTo(windowNs);
    }
  }

  @Test
  void aSocketThatDrainsIsUsedAgainAtOnce() throws IOException {
    ScriptedGuest guest = guest();
    guest.slowSocket = true;
    restore(Strategy.EAGER, guest);
    // the pager may wait for the reader thread now and then, but not for each of the 264 batches
    assertThat(guest.waits).isLessThan(150);
  }

  @Test
  void eagerStartsWhenEverythingIsInAndNeverFaults() throws IOException {
    ScriptedGuest guest = guest(SET);
    Outcome outcome = restore(Strategy.EAGER, guest);
    assertThat(guest.presentAtStart).isEqualTo(MEMORY.pages());
    assertThat(outcome.faults().size()).isZero();
  }

  @Test
  void lazyStartsWithNothingIn() throws IOException {
    ScriptedGuest guest = guest(SET);
    Outcome outcome = restore(Strategy.LAZY, guest);
    assertThat(guest.presentAtStart).isZero();
    assertThat(guest.faulted.getFirst()).isEqualTo(SET[0]);
    assertThat(outcome.tally().placed(Cause.PREFETCH)).isZero();
    assertThat(outcome.tally().placed(Cause.NEIGHBOUR)).isZero();
  }

  @Test
  void workingSetStartsWithExactlyTheSetInAndDoesNotFaultOnIt() throws IOException {
    record();
    ScriptedGuest guest = guest(SET);
    Outcome outcome = restore(Strategy.WORKING_SET, guest);
    assertThat(guest.faulted).isEmpty();
    // identical pages are stored once and come together: 24 pages of ram and rom hold only 42
    assertThat(guest.presentAtStart).isBetween(SET.length, SET.length + 24);
    assertThat(outcome.tally().placed(Cause.PREFETCH)).isEqualTo(guest.presentAtStart);
  }

  @Test
  void adaptiveStartsAtOnceAndPrefetchesInFirstTouchOrder() throws IOException {
    record();
    ScriptedGuest guest = guest();
    restore(Strategy.ADAPTIVE, guest);
    assertThat(guest.presentAtStart).isZero();
    List<Integer> set =
        Arrays.stream(SET).filter(p -> p % 8 != 0 && p % 100 != 99).boxed().toList();
    assertThat(guest.placedInOrder.stream().filter(set::contains).toList()).isEqualTo(set);
  }

  @Test
  void aBudgetKeepsTheEarliestPages() throws IOException {
    record();
    ScriptedGuest guest = guest();
    try (Image image = Image.open(directory)) {
      Plan plan = Strategy.WORKING_SET.plan(image, new Strategy.Options(1_000_000, 10));
      new Restore(image, guest, plan).run();
    }
    assertThat(guest.presentAtStart).isLessThan(50);
    assertThat(guest.placedInOrder.subList(0, guest.presentAtStart)).contains(SET[0], SET[9]);
  }

  @Test
  void workingSetWithoutAProfileIsRefusedWithTheNextStep() throws IOException {
    assertThatThrownBy(() -> restore(Strategy.WORKING_SET, guest()))
        .hasMessageContaining("rekindle record");
  }

  @Test
  void adaptiveWithoutAProfileStillBringsEverything() throws IOException {
    ScriptedGuest guest = guest(SET);
    restore(Strategy.ADAPTIVE, guest);
    assertThat(guest.present.cardinality()).isEqualTo(MEMORY.pages());
  }

  @Test
  void aRecordingSeesEveryFirstTouchInOrderAndStopsInTime() throws IOException {
    ScriptedGuest guest = guest(SET);
    Outcome outcome;
    try (Image image = Image.open(directory)) {
      outcome = new Restore(image, guest, Strategy.recording(image)).run(500_000_000);
    }
    assertThat(guest.faulted).containsExactlyElementsOf(Arrays.stream(SET).boxed().toList());
    assertThat(guest.present.cardinality()).isEqualTo(SET.length);
    assertThat(outcome.allInNs()).isEqualTo(-1);
    Profile profile = Recording.profile(outcome);
    assertThat(profile.pages()).isEqualTo(SET);
  }

  @Test
  void aDamagedBlockEndsTheRestoreAndIsNamed() throws IOException {
    Path pages;
    try (Image image = Image.open(directory)) {
      pages = image.base().file();
      try (FileChannel channel = FileChannel.open(pages, StandardOpenOption.WRITE)) {
        channel.write(ByteBuffer.wrap(new byte[] {7, 7, 7, 7}), image.base().offset(3) + 5);
      }
    }
    assertThatThrownBy(() -> restore(Strategy.EAGER, guest()))
        .isInstanceOf(CorruptImageException.class)
        .hasMessageContaining(pages.getFileName().toString());
    assertThatThrownBy(() -> restore(Strategy.ADAPTIVE, guest(100, 50)))
        .isInstanceOf(CorruptImageException.class);
  }

  @Test
  void aTruncatedFileEndsTheRestore() throws IOException {
    try (Image image = Image.open(directory)) {
      ScriptedGuest guest = guest(SET);
      Restore restore = new Restore(image, guest, Strategy.EAGER.plan(image, FAST_FILL));
      try (FileChannel channel = FileChannel.open(image.base().file(), StandardOpenOption.WRITE)) {
        channel.truncate(channel.size() / 2);
      }
      assertThatThrownBy(restore::run).isInstanceOf(IOException.class);
    }
  }

  @Test
  void aGuestThatDiesEndsTheRestore() {
    ScriptedGuest guest = guest(SET);
    guest.diesAt = 100;
    assertThatThrownBy(() -> restore(Strategy.EAGER, guest))
        .isInstanceOf(GuestGoneException.class)
        .hasMessageContaining("of 2112 pages");
  }

  @Test
  void aCancelledRestoreEnds() throws IOException {
    try (Image image = Image.open(directory)) {
      Restore restore = new Restore(image, guest(), Strategy.recording(image));
      Thread.ofPlatform().daemon().start(restore::cancel);
      assertThatThrownBy(restore::run)
          .isInstanceOf(java.util.concurrent.CancellationException.class);
    }
  }

  @Test
  void anotherMachinesImageIsRefused() throws IOException {
    MemoryMap other = new MemoryMap(List.of(new Region("ram", 4096, 4096)));
    try (Image image = Image.open(directory)) {
      ScriptedGuest guest = new ScriptedGuest(other, RestoreTest::content);
      assertThatThrownBy(() -> new Restore(image, guest, Strategy.recording(image)))
          .hasMessageContaining("the guest's");
    }
  }

  @Test
  void contentsAreWhatTheTestThinks() {
    assertThat(content(8)).containsOnly(0);
    assertThat(MemorySegment.ofArray(content(99)).get(ValueLayout.JAVA_BYTE, 7))
        .isEqualTo((byte) 42);
  }
}
