package org.rekindle.lab.simulator;

/**
 * A solid state disk: the latencies of reads that are under way at the same time pass side by side,
 * their bytes one after the other over the one link.
 *
 * @param latencyNs from the command until the first byte
 * @param bytesPerSecond of the link or the controller, whichever is slower
 */
public record Flash(long latencyNs, long bytesPerSecond) implements StorageModel {
  /*
   * A large read holds the link until its last byte; real devices let small ones slip in between the
   * pieces of a large one, so a demand read beside a bulk read of 1 MiB waits up to 2 ms too long on
   * SATA, 0.3 ms on NVMe. Garbage collection and other pauses of a real device are left out.
   */

  /** A SATA drive: the link's 600 MB/s less framing, and a usual read latency. */
  public static final Flash SATA = new Flash(100_000, 540_000_000);

  /** An NVMe drive on four lanes of PCIe 3. */
  public static final Flash NVME = new Flash(80_000, 3_200_000_000L);

  @Override
  public Device open() {
    return new Device() {
      private long linkFreeNs;

      @Override
      public long readNs(long nowNs, long address, long bytes) {
        linkFreeNs =
            Math.max(nowNs + latencyNs, linkFreeNs)
                + StorageModel.transferNs(bytes, bytesPerSecond);
        return linkFreeNs;
      }
    };
  }

  @Override
  public long fastestNs(long bytes) {
    return latencyNs + StorageModel.transferNs(bytes, bytesPerSecond);
  }
}
