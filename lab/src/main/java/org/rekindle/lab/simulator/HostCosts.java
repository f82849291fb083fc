package org.rekindle.lab.simulator;

/**
 * What a restore costs besides reading.
 *
 * @param batchPages {@code Guest.batchPages} of the kind of guest
 * @param beforeNs from the command until the restore of memory begins
 * @param startupNs from {@code Guest.start} to the first instruction
 * @param faultNs from a touch until the pager can hear of it
 * @param placeNs to place a page
 * @param cachedReadNs to read a block that is in the page cache
 * @param decodeNs to check and decode a page of a block
 */
public record HostCosts(
    int batchPages,
    long beforeNs,
    long startupNs,
    long faultNs,
    long placeNs,
    long cachedReadNs,
    long decodeNs) {

  /** Only reading takes time. */
  public static final HostCosts NONE = new HostCosts(32, 0, 0, 0, 0, 0, 0);

  /**
   * The test machine with QEMU: batches as in {@code PostcopyGuest}; a cached 4 KiB page served
   * after 8.7 us, 12.1 us with 32 KiB read and 18.8 us with 32 KiB decoded
   * (docs/performance/fault-path.md); 1 us to place a page.
   */
  public static final HostCosts QEMU = new HostCosts(32, 0, 0, 6_000, 1_000, 5_000, 850);

  /** The same with other times before memory is restored and before the guest runs. */
  public HostCosts withStart(long otherBeforeNs, long otherStartupNs) {
    return new HostCosts(
        batchPages, otherBeforeNs, otherStartupNs, faultNs, placeNs, cachedReadNs, decodeNs);
  }

  /** The same where it takes another time to place a page. */
  public HostCosts withPlaceNs(long otherPlaceNs) {
    return new HostCosts(
        batchPages, beforeNs, startupNs, faultNs, otherPlaceNs, cachedReadNs, decodeNs);
  }
}
