package org.rekindle.restore;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.Manifest;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.SetSample;

/** Pages that are kept back, on a real image and a guest that checks every placement. */
@Timeout(60)
class CanaryGuestTest {
  private static final MemoryMap MEMORY =
      new MemoryMap(List.of(new Region("ram", 2048L * 4096, 4096)));

  /** 400 pages that jump about, some of them zero: 50 canaries. */
  private static final int[] SET = IntStream.range(0, 400).map(i -> (i * 613 + 5) % 2048).toArray();

  private static final int CANARIES = 50;
  private static final Strategy.Options FAST_FILL = new Strategy.Options(1_000_000, 1 << 30);

  @TempDir Path dir;
  private Path directory;
  private Profile profile;

  @BeforeEach
  void save() throws IOException {
    directory = dir.resolve("image");
    try (ImageWriter writer = ImageWriter.create(directory, MEMORY, ImageWriter.Options.DEFAULT)) {
      for (int page = 0; page < MEMORY.pages(); page++) {
        writer.page(page, MemorySegment.ofArray(content(page)), 0);
      }
      writer.deviceState(new byte[] {1});
      writer.commit(new Manifest("test", Instant.EPOCH, MEMORY, Map.of()));
    }
    Access[] access = new Access[SET.length];
    Arrays.fill(access, Access.UNKNOWN);
    profile = new Profile(SET, new long[SET.length], access, 1_000_000, "test");
    Image.attach(directory, profile);
  }

  private static byte[] content(int page) {
    byte[] bytes = new byte[4096];
    if (page % 8 != 0) {
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      while (buffer.hasRemaining()) {
        buffer.putLong(page * 1_000_003L + buffer.position());
      }
    }
    return bytes;
  }

  private static ScriptedGuest guest(int... touches) {
    return new ScriptedGuest(MEMORY, CanaryGuestTest::content, touches);
  }

  /** The window ends with the guest's last touch. */
  private SetSample restore(Strategy strategy, ScriptedGuest guest, long seed) throws IOException {
    CanaryGuest canaries =
        new CanaryGuest(guest, profile, 1, seed, () -> guest.hasTouchedAll() ? 1 : 0);
    try (Image image = Image.open(directory)) {
      Outcome outcome = new Restore(image, canaries, strategy.plan(image, FAST_FILL)).run();
      assertThat(outcome.faults().size()).isEqualTo(2 * guest.faulted.size());
    }
    return canaries.sample();
  }

  @ParameterizedTest
  @EnumSource(Strategy.class)
  void whatTheGuestTouchesOfThemIsCountedAndTheRestComesInTheEnd(Strategy strategy)
      throws IOException {
    ScriptedGuest touchesAll = guest(SET);
    assertThat(restore(strategy, touchesAll, 1)).isEqualTo(new SetSample(CANARIES, CANARIES));
    assertThat(touchesAll.present.cardinality()).isEqualTo(MEMORY.pages());
    ScriptedGuest touchesNone = guest(IntStream.range(0, 2048).filter(p -> !isInSet(p)).toArray());
    assertThat(restore(strategy, touchesNone, 2)).isEqualTo(new SetSample(CANARIES, 0));
    assertThat(touchesNone.present.cardinality()).isEqualTo(MEMORY.pages());
  }

  private static boolean isInSet(int page) {
    return Arrays.stream(SET).anyMatch(each -> each == page);
  }

  /** Half of the set is touched: of 20 draws 19 should have that in their interval. */
  @Test
  void theShareIsThatOfTheSet() throws IOException {
    int right = 0;
    for (long seed = 0; seed < 20; seed++) {
      SetSample sample = restore(Strategy.ADAPTIVE, guest(Arrays.copyOf(SET, 200)), seed);
      right += sample.shareAtLeast() <= 0.5 && 0.5 <= sample.shareAtMost() ? 1 : 0;
    }
    assertThat(right).isGreaterThanOrEqualTo(17);
  }

  @ParameterizedTest
  @EnumSource(Strategy.class)
  void placementsThatMustBeRetriedAreRetried(Strategy strategy) throws IOException {
    ScriptedGuest guest = guest(Arrays.copyOf(SET, 200));
    guest.retryEvery = 3;
    restore(strategy, guest, 3);
    assertThat(guest.present.cardinality()).isEqualTo(MEMORY.pages());
  }

  @ParameterizedTest
  @EnumSource(Strategy.class)
  void unitsOfManyPagesAreWholeWhenTheyAreWaitedFor(Strategy strategy) throws IOException {
    ScriptedGuest guest = guest(Arrays.copyOf(SET, 200));
    guest.unitPages = 16;
    SetSample sample = restore(strategy, guest, 4);
    assertThat(sample.used()).isGreaterThan(CANARIES / 2);
    assertThat(guest.present.cardinality()).isEqualTo(MEMORY.pages());
  }

  @ParameterizedTest
  @EnumSource(Strategy.class)
  void whatTheGuestGivesBackReadsAsZerosAndIsNotCounted(Strategy strategy) throws IOException {
    for (int at : new int[] {0, 300, 1900}) {
      ScriptedGuest guest = guest(IntStream.range(600, 1200).toArray());
      guest.givesBack = new int[] {500, 600};
      guest.givesBackAt = at;
      SetSample sample = restore(strategy, guest, at);
      assertThat(sample.pages()).isLessThan(at == 0 ? CANARIES : CANARIES + 1);
      BitSet known = (BitSet) guest.present.clone();
      known.or(guest.givenBack);
      assertThat(known.cardinality()).isEqualTo(MEMORY.pages());
    }
  }

  @Test
  void aSmallSetIsSpared() throws IOException {
    Access[] access = {Access.UNKNOWN, Access.UNKNOWN};
    profile = new Profile(new int[] {1, 2}, new long[2], access, 1, "test");
    assertThat(restore(Strategy.LAZY, guest(1, 2), 5)).isEqualTo(SetSample.NONE);
  }
}
