package org.rekindle.guest.firecracker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StateFileTest {
  @TempDir Path directory;

  private StateFile read(byte[] content) throws IOException {
    return StateFile.read(Files.write(directory.resolve("vmstate"), content));
  }

  private void assertRefused(byte[] content, String... parts) {
    assertThatThrownBy(() -> read(content))
        .isInstanceOf(SnapshotException.class)
        .hasMessageStartingWith(directory.resolve("vmstate") + ", offset ")
        .satisfies(refused -> assertThat(refused.getMessage()).contains(List.of(parts)));
  }

  /** The second value is what Firecracker's own unit test of its writer expects. */
  @Test
  void checksumIsThatOfFirecracker() {
    byte[] digits = "123456789".getBytes(StandardCharsets.US_ASCII);
    assertThat(Crc64.of(digits, digits.length)).isEqualTo(0xe9c6d914c4b8d9caL);
    byte[] repeated = new byte[16];
    Arrays.fill(repeated, (byte) 123);
    assertThat(Crc64.of(repeated, repeated.length)).isEqualTo(0x29D5_3572_1632_6566L);
  }

  @Test
  void everyEncodingTellsWhatItIs() throws IOException {
    byte[] bincode = SnapshotBuilder.bincode(SnapshotBuilder.X86_64, "5.0.0");
    assertThat(read(bincode))
        .satisfies(state -> {
          assertThat(state.architecture()).isEqualTo("x86_64");
          assertThat(state.version()).isEqualTo("5.0.0");
          assertThat(state.bytes()).isEqualTo(bincode);
        });
    assertThat(read(SnapshotBuilder.bitcode(SnapshotBuilder.AARCH64, "11.0.0")))
        .satisfies(state -> {
          assertThat(state.architecture()).isEqualTo("aarch64");
          assertThat(state.version()).isEqualTo("11.0.0");
        });
    byte[] versionize = SnapshotBuilder.bincode(SnapshotBuilder.X86_64 | 1, "");
    assertThat(read(versionize))
        .satisfies(state -> {
          assertThat(state.architecture()).isEqualTo("x86_64");
          assertThat(state.version()).isEmpty();
        });
  }

  @Test
  void unknownEncodingPassesByItsChecksum() throws IOException {
    StateFile state = read(SnapshotBuilder.sealed(new byte[] {9, 8, 7, 6, 5, 4, 3, 2, 1}));
    assertThat(state.architecture()).isEmpty();
    assertThat(state.version()).isEmpty();
  }

  @Test
  void everyFlippedBitIsFound() throws IOException {
    byte[] good = SnapshotBuilder.bitcode(SnapshotBuilder.X86_64, "11.0.0");
    for (int bit = 0; bit < good.length * Byte.SIZE; bit++) {
      byte[] bad = good.clone();
      bad[bit / Byte.SIZE] ^= (byte) (1 << bit % Byte.SIZE);
      assertRefused(bad, "offset");
    }
    byte[] bad = good.clone();
    bad[100] ^= 1;
    assertRefused(bad, "offset " + (good.length - 8) + ": the file is damaged: CRC64 ");
  }

  @Test
  void everyTruncationIsFound() throws IOException {
    byte[] good = SnapshotBuilder.bincode(SnapshotBuilder.X86_64, "5.0.0");
    for (int length = 0; length < good.length; length++) {
      assertRefused(Arrays.copyOf(good, length), "offset");
    }
    assertRefused(Arrays.copyOf(good, 15), "offset 15: the file ends before");
  }

  @Test
  void whatIsNoStateFileIsToldByItsFirstBytes() {
    assertRefused(new byte[4096], "expected a state file of Firecracker", "00 00 00 00");
    assertRefused(
        "{\"snapshot_path\": 1234567890}".getBytes(StandardCharsets.US_ASCII), "7b 22 73 6e");
    assertRefused(new byte[StateFile.MAX_BYTES + 1], "at most 10 MiB; is this the memory file?");
  }

  @Test
  void hostileVersionsAreNotBelieved() throws IOException {
    for (String version : new String[] {"", "x", "1.2", "1.2.3\u0007", "9".repeat(40) + ".1.1"}) {
      assertThat(read(SnapshotBuilder.bincode(SnapshotBuilder.X86_64, version)).version())
          .isEmpty();
      assertThat(read(SnapshotBuilder.bitcode(SnapshotBuilder.X86_64, version)).version())
          .isEmpty();
    }
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int i = 0; i < 2_000; i++) {
      byte[] head = SnapshotBuilder.bincode(SnapshotBuilder.X86_64, "5.0.0");
      byte[] content = Arrays.copyOf(head, 8 + random.nextInt(60));
      for (int at = 8; at < content.length; at++) {
        content[at] = (byte) random.nextInt();
      }
      assertThat(read(SnapshotBuilder.sealed(content)).architecture())
          .as("seed %d", seed)
          .isEqualTo("x86_64");
    }
  }
}
