package org.rekindle.lab;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.rekindle.guest.firecracker.FirecrackerImport;
import org.rekindle.guest.firecracker.SnapshotFiles;
import org.rekindle.image.Codec;
import org.rekindle.image.ImageWriter;
import org.rekindle.scope.Scope;

/**
 * Measures how long a guest waits for a page of its memory that a userfaultfd brings from the page
 * cache, ours beside a C handler, one guest and sixteen at a time: {@code scripts/bench-uffd}.
 *
 * <p>The guests are VMM doubles that touch pages for the first time, at random, one after the
 * other, and time each touch. All handlers take turns in every round, beginning with another one
 * each time; a ratio is taken within a round.
 */
public final class UffdFaultBenchmark {
  /** Of the 16,384 pages of a guest, each once. */
  private static final int TOUCHES = 10_000;

  private static final int[] GUESTS = {1, 16};

  /** For the JIT compiler, not counted. */
  private static final int WARM_UP_ROUNDS = 2;

  private final Path work;
  private final DoubleMachine machine;
  private final List<UffdHandler> handlers = new ArrayList<>();
  private final Map<Case, List<Latencies>> results = new LinkedHashMap<>();

  private record Case(UffdHandler handler, int guests) {
    String label() {
      return "%s, %d %s".formatted(handler.label(), guests, guests == 1 ? "guest" : "guests");
    }
  }

  private UffdFaultBenchmark(Path work) throws IOException {
    this.work = work;
    this.machine = DoubleMachine.small(DoubleMachine.compile(work));
  }

  /** Arguments: a folder to work in, rounds, and where the results go. */
  public static void main(String[] arguments) throws Exception {
    UffdFaultBenchmark benchmark = new UffdFaultBenchmark(Path.of(arguments[0]));
    int rounds = Integer.parseInt(arguments[1]);
    benchmark.prepare();
    benchmark.run(rounds);
    Path out = Files.createDirectories(Path.of(arguments[2]));
    Map<String, List<Latencies>> byLabel = new LinkedHashMap<>();
    benchmark.results.forEach((each, latencies) -> byLabel.put(each.label(), latencies));
    Latencies.writeDistribution(byLabel, out.resolve("uffd.csv"));
    String text = benchmark.text(rounds);
    Files.writeString(out.resolve("uffd.md"), text);
    System.out.print(text);
  }

  private void prepare() throws IOException {
    Path memory = work.resolve("memory");
    Path state = work.resolve("state");
    machine.writeSnapshot(memory, state);
    handlers.add(new UffdHandler.InC(DoubleMachine.compile(work, "uffd_handler"), memory));
    for (ImageWriter.Options layout :
        List.of(new ImageWriter.Options(Codec.RAW, 1), ImageWriter.Options.DEFAULT)) {
      Path image = work.resolve("image-%s".formatted(layout.codec()));
      GuestKit.delete(image);
      SnapshotFiles files = new SnapshotFiles(memory, state, null);
      try (FirecrackerImport imported = new FirecrackerImport(files, image, layout, (_, _) -> {})) {
        imported.run();
      }
      FaultPathBenchmark.requireWarmCache(image);
      handlers.add(new UffdHandler.Pager(image, layout));
    }
    for (int guests : GUESTS) {
      handlers.forEach(handler -> results.put(new Case(handler, guests), new ArrayList<>()));
    }
  }

  private void run(int rounds) throws IOException {
    List<Case> cases = List.copyOf(results.keySet());
    for (int round = -WARM_UP_ROUNDS; round < rounds; round++) {
      for (int i = 0; i < cases.size(); i++) {
        Case next = cases.get(Math.floorMod(round + i, cases.size()));
        Latencies latencies = measure(next, round);
        if (round >= 0) {
          rounds(next).add(latencies);
        }
        System.err.printf(
            "round %d, %s: median %.1f us, p99 %.1f us%n",
            round, next.label(), latencies.quantileUs(0.5), latencies.quantileUs(0.99));
      }
    }
  }

  private List<Latencies> rounds(Case of) {
    return Objects.requireNonNull(results.get(of));
  }

  /** Starts all guests at once, and waits until each has touched its pages. */
  private Latencies measure(Case what, int round) throws IOException {
    Path socket = work.resolve("handover");
    List<Latencies> each = new ArrayList<>();
    try (Scope scope = new Scope()) {
      scope.add(what.handler().serve(socket, what.guests()));
      List<VmmDouble> guests = new ArrayList<>();
      for (int i = 0; i < what.guests(); i++) {
        guests.add(
            scope.add(
                machine.start(
                    "--uffd",
                    socket.toString(),
                    "--measure",
                    Integer.toString(TOUCHES),
                    "--pattern",
                    Integer.toString(1000 * round + i),
                    "--trace",
                    trace(i).toString())));
      }
      for (int i = 0; i < guests.size(); i++) {
        guests.get(i).await("measured ");
        each.add(Latencies.read(trace(i)));
      }
    }
    Files.deleteIfExists(socket);
    return Latencies.all(each);
  }

  private Path trace(int guest) {
    return work.resolve("touches-" + guest + ".csv");
  }

  private String text(int rounds) {
    StringBuilder text = new StringBuilder();
    text.append(
        """
        # Faults of a userfaultfd

        Made by `scripts/bench-uffd`: how long a thread of a guest waits for a page that it touches for the first time, measured by
        that thread (`lab/src/bench/c/vmm_double`), when the page is in the page cache: the way to the handler, its work, and the way back.

        - `c-page` is a handler in C (`uffd_handler.c`) that copies the page out of a mapped file, a thread for each guest: the least there is.
        - `pager-raw-4k` is the pager on an image without compression, a page in each block: it checks a CRC32C, and keeps its books.
        - `pager-lz4-32k` is the pager on an image as it is made: reads, checks and decodes a block of eight pages. Sixteen guests share what
          is decoded, as with `restore --vms 16`, so it is decoded once for all.

        %s, %d processors, Linux %s, Java %s with the settings of `./rekindle`, %s, load average %.1f at the end, which is mostly our own
        (with sixteen guests, 16 threads that touch and 16 that answer share these processors: what is measured then is mostly waiting for one).

        %d rounds of %,d touches for each guest, the first fifth of which is not counted. Each figure is the median of the rounds, with the lowest and the
        highest; a ratio is taken within a round. The distribution is in `uffd.csv`.

        | handler | median us | p99 us | median / C | p99 / C |
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
                TOUCHES));
    results.forEach((each, own) -> {
      List<Latencies> inC = rounds(new Case(handlers.getFirst(), each.guests()));
      text.append(
          "| %s | %s | %s | %s | %s |%n"
              .formatted(
                  each.label(),
                  FaultPathReport.spread(own, run -> run.quantileUs(0.5), 1),
                  FaultPathReport.spread(own, run -> run.quantileUs(0.99), 1),
                  FaultPathReport.ratios(own, inC, 0.5),
                  FaultPathReport.ratios(own, inC, 0.99)));
    });
    return text.toString();
  }
}
