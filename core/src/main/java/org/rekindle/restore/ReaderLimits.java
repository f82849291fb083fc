package org.rekindle.restore;

/**
 * How much is read at a time, and how far ahead of the pager.
 *
 * @param extentBytes of one bulk read
 * @param gapBytes that are read over rather than skipped
 * @param extents buffers for bulk reads
 * @param streamBuffers decoded blocks that may be ahead of the pager
 * @param demandReaders threads for demand reads
 * @param demandBuffers demand reads that may be under way
 */
public record ReaderLimits(
    int extentBytes,
    int gapBytes,
    int extents,
    int streamBuffers,
    int demandReaders,
    int demandBuffers) {
  /*
   * Extent, 1 MiB: at 120 reads/s and 120 MB/s, the disk that the paper's figures come from, this is
   * where both limits meet: smaller extents are bounded by seeks, larger ones only make demand reads
   * wait (8.7 ms each).
   *
   * Gap, 128 KiB: a seek of 8 ms costs as much as 1 MiB of that disk's transfer; on an SSD (100 us,
   * 500 MB/s) 50 KiB. 128 KiB is a loss of at most a quarter millisecond there and a gain of 7 ms
   * here.
   *
   * Extents, 3: one is read while one is decoded and one waits in between, so that neither side waits
   * for the other.
   *
   * Stream buffers, 128: 4 MiB in blocks of 32 KiB, two to three extents, so that the device has the
   * next read while the pager places the last one.
   *
   * Demand readers, 2: two virtual CPUs of the guests here can wait for the device at the same time.
   *
   * Demand buffers, 32: more than any guest on these machines has waiting threads.
   */

  /** What restores use. */
  public static final ReaderLimits DEFAULT = new ReaderLimits(1 << 20, 128 << 10, 3, 128, 2, 32);

  public ReaderLimits {
    if (extentBytes < 1
        || gapBytes < 0
        || extents < 1
        || streamBuffers < 1
        || demandReaders < 1
        || demandBuffers < 1) {
      throw new IllegalArgumentException(
          "a reader needs something to read, and to read to: extents of %d B over gaps of %d B, %d of them, %d and %d buffers, %d readers"
              .formatted(
                  extentBytes, gapBytes, extents, streamBuffers, demandBuffers, demandReaders));
    }
  }
}
