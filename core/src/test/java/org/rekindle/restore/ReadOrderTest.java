package org.rekindle.restore;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Extents of up to 256 pages of a store of a thousand, behind a prefetch of ten of another. */
class ReadOrderTest {
  private static final int PAGES = 1_000;
  private static final int PREFETCH = 10;
  private static final int EXTENT = 256; // 1 MiB
  private static final int FIRST = 32; // 128 KiB
  private static final long MS = 1_000_000;

  private final RowOfBlocks base = new RowOfBlocks(PAGES);
  private final RowOfBlocks hot = new RowOfBlocks(PREFETCH + 1);
  private final ClaimBitmap claims = new ClaimBitmap(PAGES);

  private ReadOrder order(boolean followsMisses) {
    return order(BlockSequence.first(hot, PREFETCH), followsMisses);
  }

  private ReadOrder fill() {
    return order(BlockSequence.none(base), true);
  }

  private ReadOrder order(BlockSequence prefetch, boolean followsMisses) {
    return order(prefetch, followsMisses, true);
  }

  private ReadOrder order(BlockSequence prefetch, boolean followsMisses, boolean isOrdered) {
    FetchSequence sequence =
        new FetchSequence(prefetch, BlockSequence.all(base), followsMisses, isOrdered);
    return new ReadOrder(sequence, claims, ReaderLimits.DEFAULT);
  }

  /** The next extent: its first entry, and the one after its last. */
  private static List<Integer> read(ReadOrder order) {
    int first = order.next();
    return first == ReadOrder.NONE ? List.of() : List.of(first, order.take(first, _ -> true));
  }

  /** The newest extent has been read. */
  private static void done(ReadOrder order, long bytes, long beganNs, long endNs) {
    order.read(bytes, beganNs, endNs, order.followedMiss(), order.missesBefore());
  }

  @Test
  void withoutMissesItIsTheSequence() {
    ReadOrder order = order(true);
    assertThat(read(order)).containsExactly(0, PREFETCH);
    assertThat(read(order)).containsExactly(PREFETCH, PREFETCH + EXTENT);
    assertThat(read(order)).containsExactly(PREFETCH + EXTENT, PREFETCH + 2 * EXTENT);
  }

  @Test
  void theFillGoesOnBehindAMissInReadsThatGrow() {
    ReadOrder order = fill();
    assertThat(read(order)).containsExactly(0, EXTENT);
    order.missed(base, 499);
    assertThat(read(order)).containsExactly(500, 500 + FIRST);
    assertThat(read(order)).containsExactly(500 + FIRST, 500 + 3 * FIRST);
    order.missed(base, 799);
    assertThat(read(order)).containsExactly(800, 800 + FIRST);
    assertThat(read(order)).containsExactly(832, 896);
    assertThat(read(order)).containsExactly(896, 1000);
    assertThat(read(order)).containsExactly(EXTENT, 500); // what was passed over
    assertThat(read(order)).containsExactly(500 + 3 * FIRST, 800);
    assertThat(read(order)).isEmpty();
  }

  @Test
  void theNewestMissCounts() {
    ReadOrder order = fill();
    order.missed(base, 300);
    order.missed(base, 700);
    assertThat(read(order)).containsExactly(701, 701 + FIRST);
    assertThat(read(order)).containsExactly(701 + FIRST, 701 + 3 * FIRST);
  }

  @Test
  void thePrefetchIsNotLeft() {
    ReadOrder order = order(true);
    order.missed(base, 500);
    assertThat(read(order)).containsExactly(0, PREFETCH);
    assertThat(read(order)).first().isEqualTo(PREFETCH);
  }

  @Test
  void aFillThatFollowsNoMissesGoesStraightOn() {
    ReadOrder order = order(false);
    order.missed(base, 500);
    assertThat(read(order)).containsExactly(0, PREFETCH);
    order.missed(base, 600);
    assertThat(read(order)).containsExactly(PREFETCH, PREFETCH + EXTENT);
  }

  @Test
  void whatIsClaimedIsNotRead() {
    ReadOrder order = fill();
    for (int page = 500; page < 600; page++) {
      claims.claim(page);
    }
    order.missed(base, 499);
    assertThat(read(order)).containsExactly(600, 600 + FIRST);
  }

  @Test
  void aFaultJoinsWhatIsReadAndWhatSurelyComesNext() {
    ReadOrder order = order(BlockSequence.first(hot, PREFETCH), false);
    order.next();
    assertThat(order.bringsSoon(hot, PREFETCH - 1)).isTrue();
    read(order);
    assertThat(order.bringsSoon(base, EXTENT)).isTrue();
    assertThat(order.bringsSoon(base, EXTENT + 1)).isFalse();
    read(order);
    assertThat(order.bringsSoon(base, 3)).isTrue();
    assertThat(order.bringsSoon(base, 2 * EXTENT)).isTrue();
  }

  @Test
  void aFaultJoinsAllOfASetWithoutAnOrder() {
    RowOfBlocks set = new RowOfBlocks(4 * EXTENT);
    ReadOrder ordered = order(BlockSequence.all(set), true);
    ReadOrder unordered = order(BlockSequence.all(set), true, false);
    ordered.next();
    unordered.next();
    assertThat(ordered.bringsSoon(set, 3 * EXTENT)).isFalse();
    assertThat(unordered.bringsSoon(set, 3 * EXTENT)).isTrue();
    assertThat(unordered.bringsSoon(base, 3 * EXTENT)).isFalse();
  }

  @Test
  void aFaultJoinsNothingThatTheNextMissMayLeadAwayFrom() {
    ReadOrder order = fill();
    order.missed(base, 699);
    read(order);
    assertThat(order.bringsSoon(base, 700)).isTrue(); // is being read
    assertThat(order.bringsSoon(base, 700 + FIRST)).isFalse();
    assertThat(order.bringsSoon(base, 0)).isFalse(); // passed over
  }

  @Test
  void inOneGoThePrefetchIsDroppedAndEverythingComesSoon() {
    ReadOrder order = order(true);
    order.missed(base, 500);
    order.readInOneGo();
    assertThat(read(order)).containsExactly(PREFETCH, PREFETCH + EXTENT);
    order.missed(base, 900);
    assertThat(read(order)).containsExactly(PREFETCH + EXTENT, PREFETCH + 2 * EXTENT);
    assertThat(order.bringsSoon(base, 999)).isTrue();
    assertThat(order.bringsSoon(hot, PREFETCH)).isFalse(); // no part of the plan
  }

  @Test
  void readsThatFollowedNoMissTellHowLongTheRestTakes() {
    ReadOrder order = fill();
    read(order);
    done(order, EXTENT * 4096L, 0, 10 * MS);
    assertThat(order.inOneGoNs()).isInfinite(); // too little to tell
    order.missed(base, 599);
    read(order);
    done(order, FIRST * 4096L, 10 * MS, 60 * MS);
    assertThat(order.inOneGoNs()).isInfinite();
    read(order);
    done(order, 2 * FIRST * 4096L, 60 * MS, 82 * MS);
    int left = PAGES - EXTENT - 3 * FIRST;
    assertThat(order.inOneGoNs()).isEqualTo(32.0 * MS * left / (EXTENT + 2 * FIRST));
  }

  @Test
  void readsAtTheSameTimeTakeTheirTimeOnce() {
    ReadOrder order = fill();
    read(order);
    read(order);
    done(order, EXTENT * 4096L, 0, 20 * MS);
    done(order, EXTENT * 4096L, 0, 40 * MS);
    assertThat(order.inOneGoNs()).isEqualTo(20.0 * MS * (PAGES - 2 * EXTENT) / EXTENT);
  }

  @Test
  void ifEveryReadFollowsAMissTheyTellWhenTheyHaveTakenLong() {
    ReadOrder order = fill();
    long nowNs = 0;
    for (int i = 1; i <= 2; i++) {
      assertThat(order.inOneGoNs()).isInfinite();
      order.missed(base, 150 * i);
      read(order);
      done(order, FIRST * 4096L, nowNs, nowNs + 50 * MS);
      nowNs += 50 * MS;
    }
    assertThat(order.inOneGoNs()).isEqualTo(50.0 * MS * (PAGES - 2 * FIRST) / FIRST);
  }

  @Test
  void readsOfADeviceThatGrantsThemTellHowLongTheRestTakesWhateverTheyFollow() {
    ReadOrder order = fill();
    long nowNs = 0;
    for (int slice = 0; slice < 2; slice++) {
      for (int i = 0; i < 5; i++) {
        order.missed(base, 900);
        long tookNs = (i < 4 ? 1 : 96) * MS;
        done(order, FIRST * 4096L, nowNs, nowNs + tookNs);
        nowNs += tookNs;
      }
    }
    // Five for misses and five in bulk were granted in each tenth of a second: ten of whole
    // extents.
    assertThat(order.inOneGoNs()).isEqualTo(10.0 * MS * PAGES / EXTENT);
  }

  @Test
  void thePrefetchIsReadAsFarAsEverBehindAMiss() {
    RowOfBlocks set = new RowOfBlocks(EXTENT);
    ReadOrder order = order(BlockSequence.all(set), true);
    order.missed(base, 500);
    assertThat(read(order)).containsExactly(0, EXTENT);
  }

  @Test
  void behindAMissASlowDeviceIsAskedForAsMuchOfThePrefetchAsItReadsInTenMilliseconds() {
    RowOfBlocks set = new RowOfBlocks(2 * EXTENT);
    ReadOrder order = order(BlockSequence.all(set), true);
    read(order);
    done(order, EXTENT * 4096L, 0, 32 * MS);
    order.missed(base, 500);
    assertThat(read(order)).containsExactly(EXTENT, EXTENT + EXTENT * 10 / 32);
  }

  /** Until the device is known to grant its reads by tenths of a second. */
  private static long readInSlices(ReadOrder order) {
    long nowNs = 0;
    for (int i = 0; i < 11; i++) {
      done(order, FIRST * 4096L, nowNs, nowNs + (i % 5 < 4 ? 1 : 96) * MS);
      nowNs += (i % 5 < 4 ? 1 : 96) * MS;
    }
    return nowNs;
  }

  @Test
  void behindAMissADeviceThatGrantsInBurstsIsReadAsFarAsEver() {
    ReadOrder order = fill();
    readInSlices(order);
    order.missed(base, 499);
    assertThat(read(order)).containsExactly(500, 500 + EXTENT);
  }

  @Test
  void whereReadsAreGrantedTheyGoOverWhatIsThere() {
    ReadOrder order = fill();
    for (int page = 50; page < 150; page++) {
      claims.claim(page);
    }
    assertThat(read(order)).containsExactly(0, 50);
    readInSlices(order);
    for (int page = 200; page < 300; page++) {
      claims.claim(page);
    }
    assertThat(read(order)).containsExactly(150, 150 + EXTENT);
  }

  @Test
  void aPrefetchNeverRestsNorWhatIsReadInOneGo() {
    ReadOrder order = order(true);
    long nowNs = readInSlices(order);
    assertThat(order.restNs(nowNs)).isZero();
    read(order);
    assertThat(order.restNs(nowNs)).isPositive();
    order.readInOneGo();
    assertThat(order.restNs(nowNs)).isZero();
  }

  @Test
  void everythingIsReadOnceWhateverIsMissed() {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    for (int round = 0; round < 50; round++) {
      ReadOrder order = order(true);
      List<Integer> entries = new ArrayList<>();
      for (List<Integer> extent = read(order); !extent.isEmpty(); extent = read(order)) {
        for (int entry = extent.getFirst(); entry < extent.getLast(); entry++) {
          entries.add(entry);
        }
        if (random.nextInt(3) > 0) {
          order.missed(base, random.nextInt(PAGES));
        }
      }
      assertThat(entries).as("seed %d", seed).hasSize(PREFETCH + PAGES).doesNotHaveDuplicates();
    }
  }
}
