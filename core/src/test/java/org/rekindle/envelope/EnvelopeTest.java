package org.rekindle.envelope;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import java.util.zip.CRC32C;
import java.util.zip.DataFormatException;
import org.junit.jupiter.api.Test;

class EnvelopeTest {
  private static final String MAGIC = "TESTFILE";

  private static byte[] body(int bytes) {
    byte[] body = new byte[bytes];
    new Random(bytes).nextBytes(body);
    Arrays.fill(body, 0, bytes / 2, (byte) 7);
    return body;
  }

  private static byte[] open(byte[] file) throws DataFormatException {
    ByteBuffer body = Envelope.open(file, MAGIC, 1, 100_000);
    assertThat(body.order()).isEqualTo(ByteOrder.LITTLE_ENDIAN);
    byte[] bytes = new byte[body.remaining()];
    body.get(bytes);
    return bytes;
  }

  /** Makes the checksum right again after a change: what malice would do. */
  private static byte[] withChecksum(byte[] file) {
    CRC32C crc = new CRC32C();
    crc.update(file, 16, file.length - 16);
    ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putInt(12, (int) crc.getValue());
    return file;
  }

  private static byte[] with(byte[] file, int offset, int value) {
    byte[] changed = file.clone();
    ByteBuffer.wrap(changed).order(ByteOrder.LITTLE_ENDIAN).putInt(offset, value);
    return withChecksum(changed);
  }

  @Test
  void whatIsSealedComesOut() throws DataFormatException {
    for (int bytes : new int[] {0, 1, 100, 70_000}) {
      assertThat(open(Envelope.seal(MAGIC, 1, body(bytes)))).isEqualTo(body(bytes));
    }
  }

  @Test
  void everyFlippedBitIsNoticed() {
    byte[] file = Envelope.seal(MAGIC, 1, body(60));
    for (int bit = 0; bit < file.length * 8; bit++) {
      byte[] damaged = file.clone();
      damaged[bit / 8] ^= (byte) (1 << (bit % 8));
      assertThatThrownBy(() -> open(damaged)).isInstanceOf(DataFormatException.class);
    }
  }

  @Test
  void everyTruncationIsNoticed() {
    byte[] file = Envelope.seal(MAGIC, 1, body(60));
    for (int bytes = 0; bytes < file.length; bytes++) {
      byte[] truncated = Arrays.copyOf(file, bytes);
      assertThatThrownBy(() -> open(truncated)).isInstanceOf(DataFormatException.class);
    }
    assertThatThrownBy(() -> open(Arrays.copyOf(file, file.length + 1)))
        .isInstanceOf(DataFormatException.class);
  }

  @Test
  void otherKindsAndVersionsAreNamed() {
    byte[] file = Envelope.seal(MAGIC, 2, body(60));
    assertThatThrownBy(() -> open(file)).hasMessageContaining("version 2 at offset 8, expected 1");
    assertThatThrownBy(() -> Envelope.open(file, "OTHERONE", 2, 100))
        .hasMessageContaining("OTHERONE");
  }

  @Test
  void lengthsThatLieAreRefusedBeforeAnythingIsAllocated() {
    byte[] file = Envelope.seal(MAGIC, 1, body(60));
    for (int lie : new int[] {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, 100_001}) {
      assertThatThrownBy(() -> open(with(file, 16, lie))).hasMessageContaining("offset 16");
      assertThatThrownBy(() -> open(with(file, 20, lie))).hasMessageContaining("offset 20");
    }
    assertThatThrownBy(() -> open(with(file, 16, 59))).hasMessageContaining("offset 24");
    assertThatThrownBy(() -> open(with(file, 16, 61))).hasMessageContaining("offset 24");
  }

  @Test
  void aSmallFileCannotMakeALargeAllocation() {
    byte[] bomb = Envelope.seal(MAGIC, 1, new byte[1 << 20]);
    assertThat(bomb).hasSizeLessThan(2000);
    assertThatThrownBy(() -> Envelope.open(bomb, MAGIC, 1, 1 << 30))
        .isInstanceOf(DataFormatException.class)
        .hasMessageContaining("cannot be in a stream");
  }

  @Test
  void aStreamMadeToHarmIsRefused() {
    byte[] file = Envelope.seal(MAGIC, 1, body(300));
    Random random = new Random(3);
    for (int i = 0; i < 2000; i++) {
      byte[] damaged = file.clone();
      for (int k = 0; k <= random.nextInt(4); k++) {
        damaged[24 + random.nextInt(file.length - 24)] = (byte) random.nextInt();
      }
      withChecksum(damaged);
      try {
        assertThat(open(damaged)).hasSize(300);
      } catch (DataFormatException refused) {
        assertThat(refused).hasMessageContaining("offset 24");
      }
    }
  }
}
