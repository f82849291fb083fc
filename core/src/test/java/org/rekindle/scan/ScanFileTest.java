package org.rekindle.scan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;
import java.util.zip.DataFormatException;
import org.junit.jupiter.api.Test;
import org.rekindle.envelope.Envelope;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.Sweeps;

class ScanFileTest {
  private static Scan scan(int memoryPages, int[]... sweeps) {
    Sweeps.Builder found = Sweeps.of(memoryPages);
    for (int i = 0; i < sweeps.length; i++) {
      BitSet touched = new BitSet();
      Arrays.stream(sweeps[i]).forEach(touched::set);
      found.sweep(10L * i, touched);
    }
    return new Scan("pc.ram", "test", 16, found.build());
  }

  @Test
  void whatIsWrittenComesBack() throws DataFormatException {
    Scan scan = scan(100, new int[] {3, 99}, new int[] {}, new int[] {0, 1, 2, 3});
    Scan found = ScanFile.decode(ScanFile.encode(scan));
    assertThat(found.region()).isEqualTo("pc.ram");
    assertThat(found.backend()).isEqualTo("test");
    assertThat(found.readGranularityPages()).isEqualTo(16);
    assertThat(found.sweeps().memoryPages()).isEqualTo(100);
    assertThat(found.sweeps().size()).isEqualTo(3);
    for (int i = 0; i < 3; i++) {
      assertThat(found.sweeps().pages(i)).isEqualTo(scan.sweeps().pages(i));
      assertThat(found.sweeps().atNs(i)).isEqualTo(scan.sweeps().atNs(i));
    }
  }

  @Test
  void thePagesOfTheLastSweepsComeFirst() {
    Profile set = scan(100, new int[] {3, 50}, new int[] {7, 50}).profile(1000);
    assertThat(set.pages()).containsExactly(1050, 1007, 1003);
    assertThat(set.source()).isEqualTo("scan");
  }

  /** The body is changed and sealed again, so every check of a field is reached. */
  @Test
  void aBodyThatContradictsItselfIsRefused() throws DataFormatException {
    byte[] good = body(ScanFile.encode(scan(100, new int[] {3, 99}, new int[] {1})));
    for (int cut = 0; cut < good.length; cut++) {
      byte[] body = Arrays.copyOf(good, cut);
      assertThatThrownBy(() -> ScanFile.decode(sealed(body)))
          .isInstanceOf(DataFormatException.class);
    }
    byte[] longer = Arrays.copyOf(good, good.length + 1);
    assertThatThrownBy(() -> ScanFile.decode(sealed(longer)))
        .hasMessageContaining("behind the last");
    Random random = new Random(5);
    for (int i = 0; i < 2000; i++) {
      byte[] body = good.clone();
      body[random.nextInt(body.length)] = (byte) random.nextInt();
      try {
        Scan found = ScanFile.decode(sealed(body));
        assertThat(found.sweeps().size()).isLessThanOrEqualTo(2);
      } catch (DataFormatException refused) {
        assertThat(refused).hasMessageNotContaining("null");
      }
    }
  }

  private static byte[] sealed(byte[] body) {
    return Envelope.seal("RKDLSCAN", 1, body);
  }

  private static byte[] body(byte[] file) throws DataFormatException {
    ByteBuffer body = Envelope.open(file, "RKDLSCAN", 1, 1 << 20).order(ByteOrder.LITTLE_ENDIAN);
    byte[] bytes = new byte[body.remaining()];
    body.get(bytes);
    return bytes;
  }
}
