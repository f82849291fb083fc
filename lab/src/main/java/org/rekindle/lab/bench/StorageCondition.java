package org.rekindle.lab.bench;

import java.util.Locale;
import org.rekindle.lab.DiskThrottle;
import org.rekindle.lab.MeasuredRun;

/** What an image is restored from: the same for every competitor of a comparison. */
public enum StorageCondition {
  /** Everything is in the page cache: nothing is read from a device. */
  WARM("warm page cache", MeasuredRun.Cache.WARM, 0),

  /** The disk of the paper's figures. */
  DISK("cold disk", MeasuredRun.Cache.COLD, 0),

  /** A drive as REAP was measured on. */
  SATA("cold SATA SSD", MeasuredRun.Cache.COLD, 0),

  /** The device of this machine as it is; its speed is whatever the probe found. */
  RAW("cold device as it is", MeasuredRun.Cache.COLD, 0),

  /**
   * An object store beside the machine: each read waits 20 ms for its first byte (S3 says 100 to
   * 200, stores in the same building 10 to 30). Only those restored by our pager can be slowed down
   * in this way; stock VMMs sit it out.
   */
  OBJECT("cold object store", MeasuredRun.Cache.COLD, 20_000_000);

  private final String kind;
  private final MeasuredRun.Cache cache;
  private final long firstByteNs;

  StorageCondition(String kind, MeasuredRun.Cache cache, long firstByteNs) {
    this.kind = kind;
    this.cache = cache;
    this.firstByteNs = firstByteNs;
  }

  /** As on the command line. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * In a few words, for results.
   *
   * @param throttled whether its limits could be set
   */
  String words(boolean throttled) {
    if (firstByteNs > 0) {
      return "%s, %d ms to the first byte".formatted(kind, firstByteNs / 1_000_000);
    }
    if (limits().equals(DiskThrottle.Limits.NONE)) {
      return kind;
    }
    return throttled ? kind + ", " + limits() : kind + " (NOT slowed down)";
  }

  DiskThrottle.Limits limits() {
    return switch (this) {
      case DISK -> DiskThrottle.Limits.DISK;
      case SATA -> DiskThrottle.Limits.SATA;
      case WARM, RAW, OBJECT -> DiskThrottle.Limits.NONE;
    };
  }

  MeasuredRun.Cache cache() {
    return cache;
  }

  /** Whether it is a device whose bandwidth restores share. */
  boolean isOnDevice() {
    return cache == MeasuredRun.Cache.COLD;
  }

  /** How long each read waits for its first byte, beside what the device takes. */
  long firstByteNs() {
    return firstByteNs;
  }
}
