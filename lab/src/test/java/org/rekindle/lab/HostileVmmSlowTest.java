package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rekindle.guest.uffd.HandOverException;
import org.rekindle.guest.uffd.OnFailure;
import org.rekindle.guest.uffd.SessionEnd;
import org.rekindle.guest.uffd.SessionEnd.Fate;
import org.rekindle.image.Image;
import org.rekindle.restore.Restore;
import org.rekindle.restore.Strategy;

/**
 * VMMs that are broken or mean harm, while another one is being restored at the same socket: each
 * is told what is wrong with it, and the other notices nothing.
 */
@Tag("slow")
@Timeout(120)
class HostileVmmSlowTest {
  /** So that a restore takes a second, long enough for a stranger to come and go. */
  private static final Strategy.Options A_SECOND = new Strategy.Options(16_384, Integer.MAX_VALUE);

  @TempDir static Path programs;
  @TempDir Path directory;

  private Leftovers before;
  private DoubleMachine machine;
  private Image image;
  private UffdServing serving;
  private VmmDouble good;

  @BeforeEach
  void serveAGoodOne() throws IOException {
    before = Leftovers.now();
    DoubleMachine small = DoubleMachine.small(CPrograms.vmmDouble(programs));
    UffdGuestUnderTest guest = new UffdGuestUnderTest("good", small);
    guest.save(directory.resolve("image"));
    machine = guest.machine();
    image = Image.open(directory.resolve("image"));
    serving =
        new UffdServing(
            socket(),
            image.memory(),
            OnFailure.KILL,
            met -> new Restore(image, met, Strategy.LAZY.plan(image, A_SECOND)).run());
    good = machine.start("--uffd", socket().toString(), "--balloon", "300");
    good.await("running ");
  }

  private Path socket() {
    return directory.resolve("handover");
  }

  @AfterEach
  void theGoodOneIsRestored() throws IOException {
    SessionEnd end = serving.awaitEnd(good);
    assertThat(end.outcome()).as("%s, %s", end, machine).isEqualTo(SessionEnd.Outcome.RESTORED);
    good.awaitBeats(2);
    assertThat(good.verdict()).startsWith("identical pages=16384 ");
    assertThat(good.waiting()).isZero();
    good.close();
    serving.close();
    image.close();
    before.assertNothingMore();
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          silent              | no complete list of regions came in time
          garbage             | JSON
          no-json             | a JSON array of regions was expected
          half-json           | no complete list of regions came in time
          no-numbers          | should be a whole number but is -1
          endless             | bytes
          deep                | but 60000 bytes
          no-fd               | userfaultfd
          many-fds            | more than one descriptor
          event-fd            | no userfaultfd but anon_inode:[eventfd]
          regular-file        | no userfaultfd but
          no-regions          | a JSON array of regions was expected
          empty-region        | are no whole pages
          unaligned           | are no whole pages
          odd-size            | are no whole pages
          wrapping            | range
          absurd-size         | are no addresses of a process
          absurd-offset       | range
          odd-page-size       | pages of 3 bytes
          vast-page-size      | pages of 1099511627776 bytes
          too-small           | the regions have 67104768 bytes, the image's memory 67108864
          too-large           | the regions have 67112960 bytes, the image's memory 67108864
          overlapping         | offset
          overlapping-offsets | offset
          many-regions        | bytes
          null-address        | cannot watch 0x0-0x3000000
          raw-uffd            | userfaultfd
          """)
  void whatHandsOverSomethingElseIsRefused(String how, String message) throws IOException {
    try (VmmDouble hostile = machine.start("--uffd", socket().toString(), "--misbehave", how)) {
      SessionEnd end = serving.awaitEnd(hostile);
      assertThat(end.outcome()).as("%s", end).isEqualTo(SessionEnd.Outcome.REFUSED);
      assertThat(end.failure()).isInstanceOf(HandOverException.class).hasMessageContaining(message);
      assertThat(end.fate()).isIn(Fate.UNTOUCHED, Fate.KILLED);
    }
  }

  @Test
  void whatCannotBeServedIsKilled() throws IOException {
    try (VmmDouble hostile =
        machine.start("--uffd", socket().toString(), "--misbehave", "strangers-memory")) {
      SessionEnd end = serving.awaitEnd(hostile);
      assertThat(end.outcome()).as("%s", end).isEqualTo(SessionEnd.Outcome.FAILED);
      assertThat(end.failure()).hasMessageContaining("in none of the regions");
      assertThat(end.fate()).isEqualTo(Fate.KILLED);
      assertThat(hostile.child().endsWithin(Duration.ofSeconds(10))).isTrue();
    }
  }

  @ParameterizedTest(name = "{0}")
  @ValueSource(strings = {"pieces", "blocking-uffd", "twice", "chatter", "closes"})
  void whatIsOnlyOddIsRestored(String how) throws IOException {
    assertRestored("--misbehave", how);
  }

  @ParameterizedTest(name = "{0}")
  @ValueSource(strings = {"20000", "1000000"})
  void aFloodOfRemovalsDrownsNobody(String removals) throws IOException {
    assertRestored("--balloon", removals, "--flood", "--vcpus", "2");
  }

  private void assertRestored(String... options) throws IOException {
    try (VmmDouble odd = machine.with("--uffd", socket().toString()).start(options)) {
      SessionEnd end = serving.awaitEnd(odd);
      assertThat(end.outcome()).as("%s", end).isEqualTo(SessionEnd.Outcome.RESTORED);
      odd.awaitBeats(2);
      assertThat(odd.verdict()).startsWith("identical pages=16384 ");
      assertThat(odd.waiting()).isZero();
    }
  }

  @ParameterizedTest(name = "{0}")
  @ValueSource(strings = {"before-send", "after-send", "touch:1", "touch:400", "removal:10"})
  void whatDiesEndsItsSession(String moment) throws IOException {
    try (VmmDouble dying =
        machine.start("--uffd", socket().toString(), "--die", moment, "--balloon", "100")) {
      SessionEnd end = serving.awaitEnd(dying);
      if (moment.equals("before-send")) {
        assertThat(end.outcome()).isEqualTo(SessionEnd.Outcome.REFUSED);
      } else {
        assertThat(end.outcome()).isNotEqualTo(SessionEnd.Outcome.RESTORED);
        assertThat(end.fate()).isEqualTo(Fate.ENDED);
      }
    }
  }
}
