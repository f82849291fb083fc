package org.rekindle.lab.simulator;

/**
 * A device as its queue sees it.
 *
 * <p>First come, first served: no device knows which of its reads a guest is waiting for. A demand
 * read gets its turn behind what is in hand already, which is one bulk read or as many as the
 * device gains from, and before the next bulk read.
 */
interface Device {
  /**
   * Reads.
   *
   * @param nowNs when the read is asked for; never earlier than in the call before
   * @param address of the first byte on the device
   * @param bytes at least one
   * @return when the last byte is there
   */
  long readNs(long nowNs, long address, long bytes);
}
