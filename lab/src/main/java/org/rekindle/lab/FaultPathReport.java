package org.rekindle.lab;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/** What {@link FaultPathBenchmark} has found, as a page of Markdown and as raw figures. */
final class FaultPathReport {
  private final Map<String, List<Latencies>> roundsByHandler;
  private final List<Latencies> pageInC;
  private final List<Latencies> blockInC;

  FaultPathReport(Map<String, List<Latencies>> roundsByHandler, String pageInC, String blockInC) {
    this.roundsByHandler = roundsByHandler;
    this.pageInC = rounds(pageInC);
    this.blockInC = rounds(blockInC);
  }

  private List<Latencies> rounds(String handler) {
    return java.util.Objects.requireNonNull(roundsByHandler.get(handler), handler);
  }

  String text(int requests, int rounds) throws IOException {
    StringBuilder text = new StringBuilder();
    text.append(
        """
        # The fault path

        How long a page request takes whose page is in the page cache: from before the request is written
        until the last byte of the page has been read, measured by the side that asks (`lab/src/bench/c/destination.c`).
        Made by `scripts/bench-fault-path`; distribution in `fault-path.csv`.

        %s, %d processors, Linux %s, Java %s, %s. %d rounds of %,d requests for random pages of 256 MiB,
        after a fifth more for warm-up. Each figure is the median of the rounds, with the lowest and the highest.

        | handler | median us | p99 us | median / c-page | median / c-block |
        | --- | --- | --- | --- | --- |
        """
            .formatted(
                cpu(),
                Runtime.getRuntime().availableProcessors(),
                System.getProperty("os.version"),
                Runtime.version().feature(),
                LocalDate.now(java.time.ZoneOffset.UTC),
                rounds,
                requests));
    for (Map.Entry<String, List<Latencies>> entry : roundsByHandler.entrySet()) {
      List<Latencies> own = entry.getValue();
      text.append(
          "| %s | %s | %s | %s | %s |%n"
              .formatted(
                  entry.getKey(),
                  spread(own, run -> run.quantileUs(0.5), 1),
                  spread(own, run -> run.quantileUs(0.99), 1),
                  ratios(own, pageInC),
                  ratios(own, blockInC)));
    }
    return text.toString();
  }

  private static String ratios(List<Latencies> own, List<Latencies> inC) {
    return spread(
        IntStream.range(0, own.size())
            .mapToDouble(i -> own.get(i).quantileUs(0.5) / inC.get(i).quantileUs(0.5))
            .toArray(),
        2);
  }

  private static String spread(
      List<Latencies> runs, ToDoubleFunction<Latencies> figure, int digits) {
    return spread(runs.stream().mapToDouble(figure).toArray(), digits);
  }

  private static String spread(double[] values, int digits) {
    Arrays.sort(values);
    String number = "%." + digits + "f";
    return (number + " (" + number + "-" + number + ")")
        .formatted(values[values.length / 2], values[0], values[values.length - 1]);
  }

  private static String cpu() throws IOException {
    return Files.readAllLines(Path.of("/proc/cpuinfo")).stream()
        .filter(line -> line.startsWith("model name"))
        .map(line -> line.substring(line.indexOf(':') + 1).strip())
        .findFirst()
        .orElse(System.getProperty("os.arch"));
  }

  /** How many requests took how long, to a tenth of a microsecond. */
  void writeDistribution(Path file) throws IOException {
    try (PrintWriter out = new PrintWriter(Files.newBufferedWriter(file))) {
      out.println("handler,round,latency_us,requests");
      roundsByHandler.forEach((handler, rounds) -> {
        for (int round = 0; round < rounds.size(); round++) {
          writeDistribution(out, handler + "," + round, rounds.get(round).ascendingNs());
        }
      });
    }
  }

  private static void writeDistribution(PrintWriter out, String key, long[] ascendingNs) {
    int from = 0;
    while (from < ascendingNs.length) {
      long tenths = ascendingNs[from] / 100;
      int to = from;
      while (to < ascendingNs.length && ascendingNs[to] / 100 == tenths) {
        to++;
      }
      out.printf("%s,%d.%d,%d%n", key, tenths / 10, tenths % 10, to - from);
      from = to;
    }
  }
}
