package org.rekindle.lab.simulator;

/**
 * What the device was asked for before a restore reads its first page: an image's metadata. On a
 * disk that grants its reads by the slice they are missing from the first one.
 *
 * @param atNs when, on the simulated clock; all at once
 * @param reads how many
 * @param bytes of all of them
 */
public record EarlierReads(long atNs, long reads, long bytes) {
  static final EarlierReads NONE = new EarlierReads(0, 0, 0);

  public EarlierReads {
    if (reads < 0 || bytes < reads) {
      throw new IllegalArgumentException("%d B in %d reads".formatted(bytes, reads));
    }
  }

  void from(Device device) {
    for (long read = 0; read < reads; read++) {
      device.readNs(atNs, 0, bytes / reads);
    }
  }
}
