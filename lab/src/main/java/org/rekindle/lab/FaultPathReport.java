package org.rekindle.lab;

import java.lang.management.ManagementFactory;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/** What {@link FaultPathBenchmark} has found, as a page of Markdown and as raw figures. */
final class FaultPathReport {
  private static final String PAGE_IN_C = "c-page";

  private final Map<FaultHandler, List<Latencies>> roundsByHandler;

  FaultPathReport(Map<FaultHandler, List<Latencies>> roundsByHandler) {
    this.roundsByHandler = roundsByHandler;
  }

  String text(int requests, int rounds) {
    StringBuilder text = new StringBuilder();
    text.append(
        """
        # The fault path

        Made by `scripts/bench-fault-path`: how long a page request takes whose page is in the page
        cache, measured by the side that asks (`lab/src/bench/c/destination.c`), from before the
        request is written until the last byte of the page has been read.

        - `c-page` is a C handler that reads the page alone from a file of pages: the least there is.
        - `c-raw-4k` to `c-zstd-*` are the C handler with the pager's own job: read the whole block that
          the page is in, check its CRC32C, decode it.
        - `pager-*` is the pager as restores use it, on a real image. `neighbours`: the rest of the
          block follows each page.

        %s, %d processors, Linux %s, Java %s with the settings of `./rekindle`, %s, load average %.1f
        at the end.

        %d rounds of %,d requests for random pages of 256 MiB, after a fifth more for warm-up. Each
        figure is the median of the rounds, with the lowest and the highest; a ratio is taken within a
        round. The distribution is in `fault-path.csv`.

        | handler | median us | p99 us | median / c-page | median / same job in C |
        | --- | --- | --- | --- | --- |
        """
            .formatted(
                Environment.processor(),
                Runtime.getRuntime().availableProcessors(),
                System.getProperty("os.version"),
                Runtime.version().feature(),
                LocalDate.now(ZoneOffset.UTC),
                ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage(),
                rounds,
                requests));
    roundsByHandler.forEach((handler, own) ->
        text.append(
            "| %s | %s | %s | %s | %s |%n"
                .formatted(
                    handler.label(),
                    spread(own, run -> run.quantileUs(0.5), 1),
                    spread(own, run -> run.quantileUs(0.99), 1),
                    ratios(own, rounds(PAGE_IN_C), 0.5),
                    handler instanceof FaultHandler.Pager pager
                        ? ratios(own, rounds(pager.peer()), 0.5)
                        : "")));
    return text.toString();
  }

  private List<Latencies> rounds(String label) {
    return roundsByHandler.entrySet().stream()
        .filter(entry -> entry.getKey().label().equals(label))
        .findFirst()
        .orElseThrow()
        .getValue();
  }

  /** The ratios of a quantile, round by round: median, lowest and highest. */
  static String ratios(List<Latencies> own, List<Latencies> inC, double share) {
    return spread(
        IntStream.range(0, own.size())
            .mapToDouble(i -> own.get(i).quantileUs(share) / inC.get(i).quantileUs(share))
            .toArray(),
        2);
  }

  static String spread(List<Latencies> runs, ToDoubleFunction<Latencies> figure, int digits) {
    return spread(runs.stream().mapToDouble(figure).toArray(), digits);
  }

  private static String spread(double[] values, int digits) {
    Arrays.sort(values);
    String number = "%." + digits + "f";
    return (number + " (" + number + "-" + number + ")")
        .formatted(values[values.length / 2], values[0], values[values.length - 1]);
  }
}
