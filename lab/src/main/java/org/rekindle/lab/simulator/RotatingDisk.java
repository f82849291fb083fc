package org.rekindle.lab.simulator;

/**
 * A disk with one arm: a read begins with a seek and half a turn, unless it goes on where the last
 * one ended, or inside it.
 *
 * @param seekNs average seek
 * @param rotationNs average rotational latency: half a turn
 * @param bytesPerSecond what passes under the head
 */
public record RotatingDisk(long seekNs, long rotationNs, long bytesPerSecond)
    implements StorageModel {
  /*
   * Forwards over a small gap the arm need not move, it waits until the gap has passed: the shorter of
   * both. What the last read brought is still in the drive's buffer: reads of compressed blocks begin in
   * the 4 KiB that the read before ended in. Every other read costs the average seek, however near it is; on a disk of 750 GB an image
   * of 1 GiB lies on neighbouring tracks, where a seek takes less. The data sheet has no figure for
   * that, so this errs against scattered reads. No queue is reordered (NCQ has two reads to choose
   * from at best), and nothing older is in the drive's buffer.
   */

  /**
   * Seagate Barracuda 7200.11, ST3750330AS: seek below 8.5 ms and latency 4.16 ms as in VEE'11,
   * table 1; 105 MB/s sustained as in Seagate's data sheet DS1638, outermost tracks.
   */
  public static final RotatingDisk BARRACUDA = new RotatingDisk(8_500_000, 4_160_000, 105_000_000);

  @Override
  public Device open() {
    return new Device() {
      private long freeNs;
      private long last = -1; // where the last read began
      private long head = -1; // and ended

      @Override
      public long readNs(long nowNs, long address, long bytes) {
        freeNs = Math.max(nowNs, freeNs) + positionNs(address) + transferNs(bytes);
        last = address;
        head = address + bytes;
        return freeNs;
      }

      private long positionNs(long address) {
        long anywhereNs = seekNs + rotationNs;
        return head < 0 || address < last
            ? anywhereNs
            : Math.min(anywhereNs, transferNs(Math.max(0, address - head)));
      }
    };
  }

  private long transferNs(long bytes) {
    return StorageModel.transferNs(bytes, bytesPerSecond);
  }

  @Override
  public long fastestNs(long bytes) {
    return seekNs + rotationNs + transferNs(bytes);
  }
}
