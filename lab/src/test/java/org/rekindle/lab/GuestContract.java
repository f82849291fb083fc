package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rekindle.image.Image;
import org.rekindle.lab.GuestUnderTest.Purpose;
import org.rekindle.lab.GuestUnderTest.Restored;
import org.rekindle.restore.CanaryGuest;
import org.rekindle.restore.FaultLog;
import org.rekindle.restore.Guest;
import org.rekindle.restore.GuestGoneException;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Recording;
import org.rekindle.restore.Restore;
import org.rekindle.restore.RestoreThread;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.SetSample;

/**
 * What holds for every kind of guest, end to end with real processes: memory comes back identical
 * by every strategy, every fault is accounted for, and whatever ends in the middle ends clean.
 *
 * <p>A kind has a subclass, with a static method {@code guests} that gives its configurations as a
 * stream of {@link GuestUnderTest}; the first is the plainest.
 */
@Tag("slow")
abstract class GuestContract {
  private static final Image.Progress SILENT = (_, _) -> {};

  /** The paper's slow fill would take 12 s for each of these small guests. */
  private static final Strategy.Options FAST_FILL =
      new Strategy.Options(64 * Strategy.PAPER_FILL_PAGES_PER_SECOND / 8, Integer.MAX_VALUE);

  @TempDir Path directory;

  private final List<Restored> restored = new ArrayList<>();
  private Leftovers before;

  /** The plainest configuration. */
  abstract GuestUnderTest plainest() throws IOException;

  @BeforeEach
  void lookAround() throws IOException {
    before = Leftovers.now();
  }

  @AfterEach
  void nothingIsLeftBehind() throws IOException {
    for (Restored each : restored) {
      assertThat(each.folders()).noneMatch(Files::exists);
      assertThat(each.processes()).noneMatch(ProcessHandle::isAlive);
    }
    before.assertNothingMore();
  }

  private Restored started(GuestUnderTest guest, Image image, Purpose purpose) throws IOException {
    Restored started = guest.start(image, purpose);
    restored.add(started);
    return started;
  }

  private static Outcome run(Image image, Guest guest, Plan plan, long atMostRunningNs)
      throws IOException {
    return RestoreThread.run(new Restore(image, guest, plan), atMostRunningNs, 0, SILENT);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("guests")
  void everyStrategyBringsTheSameGuestBack(GuestUnderTest guest) throws IOException {
    Path saved = directory.resolve("image");
    guest.save(saved);
    Image.attach(saved, record(guest, saved));
    for (Strategy strategy : Strategy.values()) {
      assertComesBack(guest, saved, strategy, Purpose.RUN);
      assertComesBack(guest, saved, strategy, Purpose.STILL);
    }
  }

  private Profile record(GuestUnderTest guest, Path saved) throws IOException {
    try (Image image = Image.open(saved);
        Restored clone = started(guest, image, Purpose.WATCH)) {
      List<AccountedGuest> accounts = new ArrayList<>();
      Outcome outcome =
          clone.restore(met -> {
            accounts.add(new AccountedGuest(met));
            return run(image, accounts.getFirst(), Strategy.recording(image), guest.recordingNs());
          });
      accounts.getFirst().assertLogged(outcome);
      if (clone.faultedPages().isPresent()) {
        assertSameFaults(outcome.faults(), clone.faultedPages().get());
      }
      Profile profile = Recording.profile(outcome);
      assertThat(profile.size()).isGreaterThan(guest.workingSetPages() * 9 / 10);
      return profile;
    }
  }

  /**
   * Nothing but faults brings pages while recording: so ours and the guest's own are the same, in
   * the same order, but for those at the end that were never served.
   */
  private static void assertSameFaults(FaultLog log, List<Integer> known) {
    List<Integer> logged =
        IntStream.range(0, log.size())
            .boxed()
            .sorted(java.util.Comparator.comparingLong(log::arrivalNs))
            .map(log::page)
            .toList();
    assertThat(logged).isNotEmpty();
    assertThat(known).hasSizeGreaterThanOrEqualTo(logged.size());
    assertThat(known.subList(0, logged.size())).isEqualTo(logged);
    assertThat(known.size() - logged.size()).as("faults that were not served").isLessThan(3);
  }

  private void assertComesBack(GuestUnderTest guest, Path saved, Strategy strategy, Purpose purpose)
      throws IOException {
    try (Image image = Image.open(saved);
        Restored back = started(guest, image, purpose)) {
      List<AccountedGuest> accounts = new ArrayList<>();
      Outcome outcome =
          back.restore(met -> {
            accounts.add(new AccountedGuest(met));
            Plan plan = strategy.plan(image, FAST_FILL);
            return run(image, accounts.getFirst(), plan, Long.MAX_VALUE);
          });
      accounts.getFirst().assertComplete(outcome);
      if (strategy == Strategy.WORKING_SET) {
        assertUsed(image.profile().orElseThrow(), outcome, accounts.getFirst().removed());
      }
      if (purpose == Purpose.RUN) {
        back.assertLives();
      } else {
        back.assertIdentical(image);
      }
    }
  }

  /** Every page of the profile was prefetched, unless the guest wanted it before, or no more. */
  private static void assertUsed(Profile profile, Outcome outcome, BitSet removed) {
    BitSet brought = (BitSet) outcome.prefetched().clone();
    assertThat(brought.cardinality()).as("prefetched").isPositive();
    brought.or(removed);
    FaultLog log = outcome.faults();
    for (int i = 0; i < log.size(); i++) {
      brought.set(log.page(i), log.page(i) + log.pages(i));
    }
    for (int rank = 0; rank < profile.size(); rank++) {
      assertThat(brought.get(profile.page(rank)))
          .as("page %d of the profile", profile.page(rank))
          .isTrue();
    }
  }

  @Test
  void howMuchOfItsSetAGuestUsesIsKnown() throws IOException {
    GuestUnderTest guest = plainest();
    Path saved = directory.resolve("image");
    guest.save(saved);
    Profile known = record(guest, saved);
    SetSample ofKnown = sampled(guest, saved, known);
    Profile doubled = withAsManyOthers(known, saved);
    SetSample one = sampled(guest, saved, doubled);
    SetSample other = sampled(guest, saved, doubled); // one alone is off by a sixth too often
    SetSample ofDoubled = new SetSample(one.pages() + other.pages(), one.used() + other.used());
    assertThat(ofKnown.pages()).isGreaterThan(100);
    assertThat(ofKnown.shareAtLeast()).as("%s of its own", ofKnown).isGreaterThan(0.5);
    assertThat(ofDoubled.shareAtLeast()).as("%s of twice as many", ofDoubled).isGreaterThan(0.2);
    assertThat(ofDoubled.shareAtMost()).as("%s of twice as many", ofDoubled).isLessThan(0.7);
  }

  private SetSample sampled(GuestUnderTest guest, Path saved, Profile set) throws IOException {
    Image.attach(saved, set);
    try (Image image = Image.open(saved);
        Restored back = started(guest, image, Purpose.RUN)) {
      List<CanaryGuest> canaries = new ArrayList<>();
      back.restore(met -> {
        canaries.add(new CanaryGuest(met, set, guest.recordingNs(), System.nanoTime()));
        Plan plan = Strategy.ADAPTIVE.plan(image, FAST_FILL);
        return run(image, canaries.getFirst(), plan, Long.MAX_VALUE);
      });
      back.assertLives();
      return canaries.getFirst().sample();
    }
  }

  /** The set, and behind it as many of the pages that it lacks, from all of memory. */
  private static Profile withAsManyOthers(Profile set, Path saved) throws IOException {
    BitSet taken = new BitSet();
    Arrays.stream(set.pages()).forEach(taken::set);
    int[] pages = Arrays.copyOf(set.pages(), 2 * set.size());
    try (Image image = Image.open(saved)) {
      Random random = new Random();
      for (int rank = set.size(); rank < pages.length; rank++) {
        do {
          pages[rank] = random.nextInt(image.memory().pages());
        } while (taken.get(pages[rank]));
        taken.set(pages[rank]);
      }
    }
    Access[] access = new Access[pages.length];
    Arrays.fill(access, Access.UNKNOWN);
    return new Profile(pages, new long[pages.length], access, set.horizonNs(), "test");
  }

  @ParameterizedTest(name = "{0} percent of the pages are in")
  @ValueSource(ints = {0, 1, 50, 99})
  void theDeathOfTheGuestEndsTheRestore(int percent) throws IOException {
    GuestUnderTest guest = plainest();
    Path saved = directory.resolve("image");
    guest.save(saved);
    try (Image image = Image.open(saved);
        Restored dying = started(guest, image, Purpose.RUN)) {
      int moment = (int) ((long) image.memory().pages() * percent / 100);
      List<AccountedGuest> accounts = new ArrayList<>();
      try {
        Outcome outcome =
            dying.restore(met -> {
              accounts.add(new AccountedGuest(met).at(moment, dying::kill));
              Plan plan = Strategy.LAZY.plan(image, FAST_FILL);
              return run(image, accounts.getFirst(), plan, Long.MAX_VALUE);
            });
        assertThat(guest.mayEndByItself()).as("its end is the end of its restore").isTrue();
        accounts.getFirst().assertComplete(outcome);
        assertThat(accounts.getFirst().removed().isEmpty()).isFalse();
      } catch (GuestGoneException gone) {
        assertThat(guest.mayEndByItself() && moment > 0).as("it had begun to live").isFalse();
      }
    }
  }

  @Test
  void aDamagedImageIsSaidAndTheGuestDoesNotHangForEver() throws IOException {
    GuestUnderTest guest = plainest();
    Path saved = directory.resolve("image");
    guest.save(saved);
    try (Image image = Image.open(saved);
        Restored failing = started(guest, image, Purpose.RUN)) {
      damage(image.base().file());
      assertThatThrownBy(() ->
              failing.restore(
                  met -> run(image, met, Strategy.EAGER.plan(image, FAST_FILL), Long.MAX_VALUE)))
          .isInstanceOf(IOException.class)
          .hasMessageContaining(image.base().file().getFileName().toString());
    }
  }

  private static void damage(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.allocate(4096), channel.size() / 2);
    }
  }
}
