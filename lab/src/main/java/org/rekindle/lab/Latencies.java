package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.LongStream;

/** How long each request of one run took. */
final class Latencies {
  private final long[] ascendingNs;

  private Latencies(long[] ascendingNs) {
    this.ascendingNs = ascendingNs;
  }

  /** Reads what destination.c printed, without the first fifth: caches and compilers warm up. */
  static Latencies read(Path csv) throws IOException {
    long[] ns =
        Files.readAllLines(csv).stream()
            .skip(1)
            .mapToLong(row -> Long.parseLong(row.substring(row.lastIndexOf(',') + 1)))
            .toArray();
    long[] warm = Arrays.copyOfRange(ns, ns.length / 5, ns.length);
    if (warm.length == 0) {
      throw new IOException(csv + " has " + ns.length + " requests, too few to measure anything");
    }
    Arrays.sort(warm);
    return new Latencies(warm);
  }

  /** The latency that this share of the requests did not exceed. */
  double quantileUs(double share) {
    int rank = (int) Math.ceil(share * ascendingNs.length);
    return ascendingNs[Math.max(0, rank - 1)] / 1e3;
  }

  /** All of them, ascending. */
  LongStream ns() {
    return Arrays.stream(ascendingNs);
  }
}
