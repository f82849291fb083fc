package org.rekindle.guest.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.BitSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.guest.process.inside.Backing;
import org.rekindle.guest.process.store.Workload;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageReader;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Profile;

/** A store that runs on while it is saved, against the exact truth of what it does. */
@Tag("slow")
@Timeout(120)
class TracedSaveSlowTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** So the copier takes two seconds for 32 MiB. */
  private static final int PAGES_PER_SECOND = 4096;

  private static final ProcessMachine MACHINE =
      new ProcessMachine(32L << 20, Backing.MEMFD, 1, new Workload(4000, 500, 8, 64), 7);

  @TempDir Path directory;

  @BeforeEach
  void requireRoot() {
    Assumptions.assumeTrue(
        "root".equals(System.getProperty("user.name")),
        "only root may look into another process's memory file");
  }

  @Test
  void theImageIsThatOfTheInstantAtWhichTheSaveBegan() throws IOException {
    try (ProcessGuest guest = ProcessGuest.start()) {
      guest.boot(MACHINE);
      guest.run();
      guest.console().awaitBeats(20, PATIENCE);
      Path still = directory.resolve("still");
      ProcessSave.save(guest, still, ImageWriter.Options.DEFAULT, (_, _) -> {}); // pauses it
      int before = guest.console().beats().size();
      TracedSave.Result result = trace(guest);
      assertThat(guest.console().beats().size()).as("beats during the save").isGreaterThan(before);
      assertThat(written(result.trace())).as("pages written meanwhile").isPositive();
      try (Image expected = Image.open(still);
          Image live = Image.open(directory.resolve("live"))) {
        assertThat(live.deviceState()).isEqualTo(expected.deviceState());
        assertSamePages(expected, live);
      }
      assertThat(guest.verify().isIntact()).isTrue();
    }
  }

  private TracedSave.Result trace(ProcessGuest guest) throws IOException {
    return TracedSave.save(
        guest,
        directory.resolve("live"),
        ImageWriter.Options.DEFAULT,
        PAGES_PER_SECOND,
        (_, _) -> {});
  }

  private static long written(AccessTrace trace) {
    return IntStream.range(0, trace.size())
        .filter(touch -> trace.access(touch) == Access.WRITE)
        .count();
  }

  private static void assertSamePages(Image expected, Image actual) throws IOException {
    try (Arena arena = Arena.ofConfined();
        PageReader one = expected.newPageReader();
        PageReader other = actual.newPageReader()) {
      MemorySegment first = arena.allocate(MemoryMap.PAGE_BYTES);
      MemorySegment second = arena.allocate(MemoryMap.PAGE_BYTES);
      for (int page = 0; page < expected.memory().pages(); page++) {
        one.read(page, first, 0);
        other.read(page, second, 0);
        assertThat(first.mismatch(second)).as("page %d", page).isEqualTo(-1);
      }
    }
  }

  /**
   * A clone does the same again, operation by operation: what it touches until it has beaten less
   * often than the traced guest did was traced, and what was traced it touches until it has beaten
   * more often.
   */
  @Test
  void theTraceIsWhatARestoredGuestTouches() throws IOException {
    int beats;
    AccessTrace trace;
    try (ProcessGuest guest = ProcessGuest.start()) {
      guest.rehearse();
      guest.boot(MACHINE);
      guest.run();
      guest.console().awaitBeats(20, PATIENCE);
      guest.pause();
      int before = guest.console().beats().size();
      trace = trace(guest).trace();
      beats = guest.console().beats().size() - before;
    }
    assertThat(beats).isGreaterThan(4);
    BitSet traced = pages(trace.firstTouches("trace"));
    BitSet shorter = ClonedTouches.until(directory.resolve("live"), beats / 2);
    BitSet longer = ClonedTouches.until(directory.resolve("live"), 2 * beats);
    assertThat(shorter.cardinality()).isGreaterThan(100);
    BitSet missed = (BitSet) shorter.clone();
    missed.andNot(traced);
    assertThat(missed.stream().boxed().toList()).as("touched, but not traced").isEmpty();
    BitSet invented = (BitSet) traced.clone();
    invented.andNot(longer);
    assertThat(invented.stream().boxed().toList()).as("traced, but not touched").isEmpty();
    try (Image image = Image.open(directory.resolve("live"))) {
      assertThat(pages(image.profile().orElseThrow())).isEqualTo(traced);
    }
  }

  private static BitSet pages(Profile profile) {
    BitSet pages = new BitSet();
    for (int page : profile.pages()) {
      pages.set(page);
    }
    return pages;
  }
}
