package org.rekindle.lab.simulator;

/**
 * An object store over a network: each read is a request of its own with a first byte latency, on
 * one of a number of streams that do not slow each other down.
 *
 * @param firstByteNs from the request until the first byte
 * @param streams requests at the same time; the next waits for one of them
 * @param streamBytesPerSecond of one stream
 */
public record ObjectStore(long firstByteNs, int streams, long streamBytesPerSecond)
    implements StorageModel {
  /*
   * Latency is a constant, where a real store has a long tail; the tail matters for the last percent
   * of demand reads and hardly for anything else. A single reader gets one stream's worth whatever
   * the store could do: see QueueDepth.
   */

  /**
   * A store in the same region, as its vendors advise to use it: first bytes after tens of
   * milliseconds (AWS, "Performance design patterns for Amazon S3": 100 to 200 ms for small
   * objects, one request for each 85 to 90 MB/s wanted).
   */
  public static final ObjectStore REGIONAL = new ObjectStore(100_000_000, 16, 85_000_000);

  public ObjectStore {
    if (streams < 1) {
      throw new IllegalArgumentException("a store has at least one stream: " + streams);
    }
  }

  @Override
  public Device open() {
    long[] freeNs = new long[streams];
    return (nowNs, address, bytes) -> {
      int first = 0;
      for (int i = 1; i < streams; i++) {
        if (freeNs[i] < freeNs[first]) {
          first = i;
        }
      }
      freeNs[first] =
          Math.max(nowNs, freeNs[first])
              + firstByteNs
              + StorageModel.transferNs(bytes, streamBytesPerSecond);
      return freeNs[first];
    };
  }

  @Override
  public long fastestNs(long bytes) {
    return firstByteNs + StorageModel.transferNs(bytes, streams * streamBytesPerSecond);
  }
}
