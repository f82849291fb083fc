package org.rekindle.workingset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.BitSet;
import org.junit.jupiter.api.Test;

class AccessTraceTest {
  private static AccessTrace trace() {
    return AccessTrace.of(10)
        .touch(7, 0, Access.READ)
        .touch(3, 10, Access.WRITE)
        .touch(7, 15, Access.WRITE)
        .touch(9, 25, Access.READ)
        .touch(3, 25, Access.READ)
        .savedAt(30);
  }

  @Test
  void touchesAreKeptInTheirOrder() {
    AccessTrace trace = trace();
    assertThat(trace.size()).isEqualTo(5);
    assertThat(trace.page(2)).isEqualTo(7);
    assertThat(trace.atNs(2)).isEqualTo(15);
    assertThat(trace.access(2)).isEqualTo(Access.WRITE);
    assertThat(trace.endNs()).isEqualTo(30);
  }

  @Test
  void firstTouchesMakeAProfile() {
    Profile profile = trace().firstTouches("trace");
    assertThat(profile.pages()).containsExactly(7, 3, 9);
    assertThat(profile.touchNs(1)).isEqualTo(10);
    assertThat(profile.access(1)).isEqualTo(Access.WRITE);
    assertThat(profile.horizonNs()).isEqualTo(30);
  }

  // Sweeps at 6, 18 and 30: the last is at the save, the first after half an interval.
  @Test
  void sweepsSeeWhatWasTouchedSinceTheSweepBefore() {
    Sweeps sweeps = trace().sweeps(12);
    assertThat(sweeps.size()).isEqualTo(3);
    assertThat(sweeps.atNs(0)).isEqualTo(6);
    assertThat(sweeps.pages(0)).containsExactly(7);
    assertThat(sweeps.pages(1)).containsExactly(3, 7);
    assertThat(sweeps.pages(2)).containsExactly(3, 9);
    assertThat(sweeps.endNs()).isEqualTo(30);
  }

  @Test
  void aTouchAtTheTimeOfASweepIsSeenByIt() {
    Sweeps sweeps = trace().sweeps(15);
    assertThat(sweeps.pages(0)).containsExactly(3, 7);
    assertThat(sweeps.pages(1)).containsExactly(3, 9);
  }

  @Test
  void aTraceOfNoTimeHasOneSweep() {
    Sweeps sweeps = AccessTrace.of(4).touch(2, 0, Access.READ).savedAt(0).sweeps(5);
    assertThat(sweeps.size()).isEqualTo(1);
    assertThat(sweeps.pages(0)).containsExactly(2);
  }

  @Test
  void aCoarseTraceHasThePagesOfASweepAtItsTime() {
    AccessTrace coarse = trace().sweeps(15).coarseTrace();
    assertThat(coarse.size()).isEqualTo(4);
    int[] pages = {coarse.page(0), coarse.page(1), coarse.page(2), coarse.page(3)};
    assertThat(pages).containsExactly(7, 3, 9, 3);
    assertThat(coarse.atNs(1)).isEqualTo(15);
    assertThat(coarse.atNs(2)).isEqualTo(30);
    assertThat(coarse.access(0)).isEqualTo(Access.UNKNOWN);
    assertThat(coarse.endNs()).isEqualTo(30);
  }

  @Test
  void manyTouchesAndSweepsGrowTheirColumns() {
    AccessTrace.Builder builder = AccessTrace.of(5000);
    for (int i = 0; i < 5000; i++) {
      builder.touch(i, i, Access.READ);
    }
    Sweeps sweeps = builder.savedAt(4999).sweeps(10);
    assertThat(sweeps.size()).isEqualTo(500);
    assertThat(sweeps.coarseTrace().firstTouches("scan").size()).isEqualTo(5000);
  }

  @Test
  void theSweepOfThePaperLastsOneRestore() {
    assertThat(Sweeps.sweepNs(262_144)).isEqualTo(64_000_000_000L); // 1 GiB
  }

  @Test
  void whatCannotBeIsRefused() {
    assertThatThrownBy(() -> AccessTrace.of(4).touch(4, 0, Access.READ))
        .hasMessage("touch 0 is of page 4; the guest has 4");
    assertThatThrownBy(() -> AccessTrace.of(4).touch(1, 5, Access.READ).touch(1, 4, Access.READ))
        .hasMessageContaining("touch 1 is earlier");
    assertThatThrownBy(() -> AccessTrace.of(4).touch(1, 5, Access.READ).savedAt(4))
        .hasMessageContaining("before the last touch");
    assertThatThrownBy(() -> trace().sweeps(0)).hasMessageContaining("time between");
    assertThatThrownBy(() -> AccessTrace.of(1).savedAt(1L << 40).sweeps(1))
        .hasMessageContaining("longer interval");
    BitSet outside = new BitSet();
    outside.set(8);
    assertThatThrownBy(() -> Sweeps.of(8).sweep(0, outside)).hasMessageContaining("found page 8");
    assertThatThrownBy(() -> Sweeps.of(8).sweep(5, new BitSet()).sweep(4, new BitSet()))
        .hasMessageContaining("sweep 1 is earlier");
  }
}
