package org.rekindle.lab.simulator;

/**
 * What an image is read from, by its stated parameters. A model is a description; {@link #open}
 * makes a device of it that has a state.
 */
public sealed interface StorageModel permits RotatingDisk, Flash, ObjectStore, ThrottledDisk {
  /** A fresh, idle device. */
  Device open();

  /**
   * The least time in which so many bytes can be had, whatever is asked for in which order: what
   * the oracle goes by.
   */
  long fastestNs(long bytes);

  /** How long so many bytes take at so many bytes a second, rounded up to whole nanoseconds. */
  static long transferNs(long bytes, long bytesPerSecond) {
    return bytes / bytesPerSecond * 1_000_000_000
        + Math.ceilDiv(bytes % bytesPerSecond * 1_000_000_000, bytesPerSecond);
  }
}
