package org.rekindle.lab.simulator;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Each kind of device against times worked out by hand: a page takes a millisecond or a tenth. */
class StorageModelTest {
  private static final long MS = 1_000_000;
  private static final long US = 1_000;
  private static final long PAGE = 4096;

  private static final RotatingDisk DISK = new RotatingDisk(8 * MS, 4 * MS, 1000 * PAGE);
  private static final Flash FLASH = new Flash(100 * US, 10_000 * PAGE);

  @Test
  void aTransferIsRoundedUpAndExactBeyondWhatALongOfNanosecondsHolds() {
    assertThat(StorageModel.transferNs(1, 3)).isEqualTo(333_333_334);
    assertThat(StorageModel.transferNs(40L << 30, 1L << 30)).isEqualTo(40_000 * MS);
  }

  @Test
  void aDiskSeeksUnlessTheReadGoesOnWhereTheLastOneEnded() {
    Device disk = DISK.open();
    assertThat(disk.readNs(0, 0, PAGE)).isEqualTo(13 * MS);
    assertThat(disk.readNs(20 * MS, PAGE, PAGE)).isEqualTo(21 * MS);
    assertThat(disk.readNs(30 * MS, 0, PAGE)).isEqualTo(43 * MS);
  }

  @Test
  void aDiskHasWhatItHasJustReadInItsBuffer() {
    Device disk = DISK.open();
    disk.readNs(0, PAGE, 3 * PAGE);
    assertThat(disk.readNs(20 * MS, 3 * PAGE, 2 * PAGE)).isEqualTo(22 * MS);
    assertThat(disk.readNs(30 * MS, 2 * PAGE, PAGE)).isEqualTo(43 * MS);
  }

  @Test
  void aDiskWaitsUntilASmallGapHasPassed() {
    Device disk = DISK.open();
    disk.readNs(0, 0, PAGE);
    assertThat(disk.readNs(20 * MS, 4 * PAGE, PAGE)).isEqualTo(24 * MS);
    assertThat(disk.readNs(30 * MS, 50 * PAGE, PAGE)).isEqualTo(43 * MS);
  }

  @Test
  void aDiskServesOneReadAfterTheOther() {
    Device disk = DISK.open();
    assertThat(disk.readNs(0, 0, 10 * PAGE)).isEqualTo(22 * MS);
    assertThat(disk.readNs(1 * MS, 100 * PAGE, PAGE)).isEqualTo(35 * MS);
    assertThat(disk.readNs(2 * MS, 10 * PAGE, PAGE)).isEqualTo(48 * MS);
  }

  @Test
  void latenciesOfFlashPassSideBySideAndBytesOneAfterTheOther() {
    Device flash = FLASH.open();
    assertThat(flash.readNs(0, 0, 2 * PAGE)).isEqualTo(300 * US);
    assertThat(flash.readNs(50 * US, 77 * PAGE, PAGE)).isEqualTo(400 * US);
    assertThat(flash.readNs(1000 * US, 0, PAGE)).isEqualTo(1200 * US);
  }

  @Test
  void eachRequestToAnObjectStoreHasAStreamOfItsOwnUntilNoneIsFree() {
    Device store = new ObjectStore(10 * MS, 2, 1000 * PAGE).open();
    assertThat(store.readNs(0, 0, PAGE)).isEqualTo(11 * MS);
    assertThat(store.readNs(1 * MS, PAGE, 3 * PAGE)).isEqualTo(14 * MS);
    assertThat(store.readNs(2 * MS, 0, PAGE)).isEqualTo(22 * MS); // from 11 on
    assertThat(store.readNs(3 * MS, 0, PAGE)).isEqualTo(25 * MS); // from 14 on
  }
}
