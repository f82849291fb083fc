package org.rekindle.lab;

import static java.util.stream.Collectors.counting;
import static java.util.stream.Collectors.groupingBy;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
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

  /** Those of several that ran at the same time. */
  static Latencies all(List<Latencies> parts) {
    long[] ns = parts.stream().flatMapToLong(Latencies::ns).toArray();
    Arrays.sort(ns);
    return new Latencies(ns);
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

  /** How many requests of all rounds took how long, to a tenth of a microsecond, as CSV. */
  static void writeDistribution(Map<String, List<Latencies>> roundsByLabel, Path file)
      throws IOException {
    try (PrintWriter out = new PrintWriter(Files.newBufferedWriter(file))) {
      out.println("handler,latency_us,requests");
      roundsByLabel.forEach((label, rounds) ->
          rounds.stream()
              .flatMapToLong(Latencies::ns)
              .boxed()
              .collect(groupingBy(ns -> ns / 100, TreeMap::new, counting()))
              .forEach((tenths, requests) ->
                  out.printf("\"%s\",%d.%d,%d%n", label, tenths / 10, tenths % 10, requests)));
    }
  }
}
