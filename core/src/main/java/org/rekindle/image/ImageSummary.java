package org.rekindle.image;

import java.util.Map;
import java.util.Optional;

/**
 * What is in an image, after all of it was verified.
 *
 * @param guestPages pages of the guest
 * @param zeroPages those of them that are zero, and not stored
 * @param identicalPages those that share the slot of another page
 * @param unusedSlots slots whose page was saved again later
 * @param deviceStateBytes length of the VMM's device state
 * @param fileBytes all files of the image
 */
public record ImageSummary(
    int guestPages,
    int zeroPages,
    int identicalPages,
    int unusedSlots,
    long deviceStateBytes,
    long fileBytes,
    Store base,
    Optional<Store> hot,
    Optional<WorkingSet> workingSet) {
  /**
   * A page store.
   *
   * @param pages pages of the guest that it serves
   * @param rawBytes decoded bytes of its blocks
   * @param storedBytes bytes of its file
   * @param blocksByCodec number of blocks stored each way
   */
  public record Store(
      int pages,
      int slots,
      int blocks,
      long rawBytes,
      long storedBytes,
      Map<Codec, Integer> blocksByCodec) {}

  /**
   * The working set profile.
   *
   * @param pages pages in it
   * @param zeroPages those of them that are zero
   * @param horizonNs how long the guest was observed, in its own time
   * @param lastTouchNs when the last of the pages was first touched
   * @param source what recorded it
   * @param runs how many runs are kept with it, to merge it anew
   */
  public record WorkingSet(
      int pages, int zeroPages, long horizonNs, long lastTouchNs, String source, int runs) {}
}
