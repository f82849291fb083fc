package org.rekindle.restore;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.PriorityQueue;
import org.junit.jupiter.api.Test;

class QueueDepthTest {
  private static final int MIB = 1 << 20;

  /** A device that serves some reads at the same time, and each in a time of its own. */
  private static int settledDepth(int streams, int bytes, int thenBytes) {
    QueueDepth depth = new QueueDepth(QueueDepth.MOST);
    PriorityQueue<Long> inFlight = new PriorityQueue<>();
    long[] freeNs = new long[streams];
    long nowNs = 0;
    for (int read = 0; read < 200; read++) {
      while (inFlight.size() < depth.reads()) {
        int stream = 0;
        for (int i = 1; i < streams; i++) {
          stream = freeNs[i] < freeNs[stream] ? i : stream;
        }
        long serviceNs = 10_000_000L + (read < 3 ? bytes : thenBytes);
        freeNs[stream] = Math.max(nowNs, freeNs[stream]) + serviceNs;
        inFlight.add(freeNs[stream]);
      }
      nowNs = inFlight.remove();
      depth.read(read < 3 ? bytes : thenBytes, nowNs);
    }
    return depth.reads();
  }

  @Test
  void aDeviceThatServesOneReadAfterTheOtherGetsOne() {
    assertThat(settledDepth(1, MIB, MIB)).isEqualTo(1);
  }

  @Test
  void aDeviceThatServesManyAtATimeGetsTheMost() {
    assertThat(settledDepth(16, MIB, MIB)).isEqualTo(QueueDepth.MOST);
  }

  @Test
  void aDeviceThatServesFourAtATimeGetsFour() {
    assertThat(settledDepth(4, MIB, MIB)).isEqualTo(4);
  }

  @Test
  void largerReadsAreNotTakenForAFasterDevice() {
    assertThat(settledDepth(1, 32 << 10, MIB)).isEqualTo(1);
  }

  @Test
  void smallerReadsAreNotTakenForASlowerDevice() {
    assertThat(settledDepth(16, 3 * MIB, 2 * MIB)).isEqualTo(QueueDepth.MOST);
    assertThat(settledDepth(1, 3 * MIB, 2 * MIB)).isEqualTo(1);
  }

  @Test
  void aRoundThatWaitedForBuffersDoesNotCount() {
    QueueDepth depth = new QueueDepth(QueueDepth.MOST);
    long nowNs = 0;
    for (int i = 0; i < 100; i++) {
      nowNs += 1_000_000;
      depth.read(MIB, nowNs);
      depth.read(MIB, nowNs + 500_000);
      depth.heldUp();
    }
    assertThat(depth.reads()).isEqualTo(1);
  }
}
