package org.rekindle.workingset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.Random;
import java.util.zip.DataFormatException;
import org.junit.jupiter.api.Test;
import org.rekindle.envelope.Envelope;

class ProfileFileTest {
  private static final int GUEST_PAGES = 1000;

  private static Profile profile(int size) {
    int[] pages = new int[size];
    long[] touchNs = new long[size];
    Access[] access = new Access[size];
    for (int i = 0; i < size; i++) {
      pages[i] = (i * 37 + 5) % GUEST_PAGES;
      touchNs[i] = 1_000L * i * i;
      access[i] = i % 3 == 0 ? Access.UNKNOWN : i % 3 == 1 ? Access.READ : Access.WRITE;
    }
    return new Profile(pages, touchNs, access, 5_000_000_000L, "räcord");
  }

  private static void requireSame(Profile found, Profile expected) {
    assertThat(found.pages()).isEqualTo(expected.pages());
    assertThat(found.source()).isEqualTo(expected.source());
    assertThat(found.horizonNs()).isEqualTo(expected.horizonNs());
    for (int rank = 0; rank < expected.size(); rank++) {
      assertThat(found.touchNs(rank)).isEqualTo(expected.touchNs(rank));
      assertThat(found.access(rank)).isEqualTo(expected.access(rank));
    }
  }

  @Test
  void whatIsWrittenComesBack() throws DataFormatException {
    for (int size : new int[] {0, 1, 2, GUEST_PAGES}) {
      Profile profile = profile(size);
      requireSame(ProfileFile.decode(ProfileFile.encode(profile), GUEST_PAGES), profile);
    }
  }

  /** Every page in ascending order at once: as well as a profile can be compressed. */
  @Test
  void theMostRegularProfileComesBack() throws DataFormatException {
    int size = 1 << 20;
    int[] pages = new int[size];
    for (int i = 0; i < size; i++) {
      pages[i] = i;
    }
    Access[] access = new Access[size];
    java.util.Arrays.fill(access, Access.READ);
    byte[] file = ProfileFile.encode(new Profile(pages, new long[size], access, 1, "scan"));
    assertThat(ProfileFile.decode(file, size).pages()).isEqualTo(pages);
    assertThat(size * 13 / file.length).isLessThan(50);
  }

  @Test
  void timesOfAllSizesComeBack() throws DataFormatException {
    Profile profile =
        new Profile(
            new int[] {3, 1, 2},
            new long[] {-5, 0, Long.MAX_VALUE},
            new Access[] {Access.READ, Access.READ, Access.WRITE},
            Long.MAX_VALUE,
            "");
    requireSame(ProfileFile.decode(ProfileFile.encode(profile), 4), profile);
  }

  @Test
  void pagesThatTheGuestDoesNotHaveAreRefused() {
    byte[] file = ProfileFile.encode(profile(30));
    assertThatThrownBy(() -> ProfileFile.decode(file, 500))
        .isInstanceOf(DataFormatException.class)
        .hasMessageContaining("500");
  }

  @Test
  void aLongSourceIsRefused() {
    Profile profile = new Profile(new int[0], new long[0], new Access[0], 0, "x".repeat(256));
    assertThatThrownBy(() -> ProfileFile.encode(profile))
        .isInstanceOf(IllegalArgumentException.class);
  }

  /** The body is changed and sealed again, so every check of a field is reached. */
  @Test
  void everyChangedFieldIsRefusedOrMakesAnotherProfile() throws DataFormatException {
    byte[] file = ProfileFile.encode(profile(20));
    ByteBuffer opened = Envelope.open(file, "RKDLPROF", 1, 10_000);
    byte[] body = new byte[opened.remaining()];
    opened.get(body);
    Random random = new Random(1);
    int refused = 0;
    for (int at = 0; at < body.length; at++) {
      for (byte value : new byte[] {0, 1, -1, 127, -128, (byte) random.nextInt()}) {
        byte[] changed = body.clone();
        changed[at] = value;
        try {
          Profile found = ProfileFile.decode(Envelope.seal("RKDLPROF", 1, changed), GUEST_PAGES);
          assertThat(found.size()).isEqualTo(20);
        } catch (DataFormatException expected) {
          refused++;
        }
      }
    }
    assertThat(refused).isGreaterThan(body.length);
    for (int bytes = 0; bytes < body.length; bytes++) {
      byte[] cut = Envelope.seal("RKDLPROF", 1, java.util.Arrays.copyOf(body, bytes));
      assertThatThrownBy(() -> ProfileFile.decode(cut, GUEST_PAGES))
          .isInstanceOf(DataFormatException.class);
    }
  }
}
