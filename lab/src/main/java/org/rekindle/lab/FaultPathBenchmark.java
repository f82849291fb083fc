package org.rekindle.lab;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.rekindle.image.Codec;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.Manifest;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;
import org.rekindle.linux.StoreFile;
import org.rekindle.restore.Plan;

/**
 * Measures how fast the pager answers a fault whose page is in the page cache, beside a C handler:
 * {@code scripts/bench-fault-path}.
 *
 * <p>The same destination asks all of them for the same pages, one at a time, in turns: every round
 * runs every handler once, beginning with another one each time. A ratio is taken within a round,
 * so that a machine that is slower for a while is so for both.
 */
public final class FaultPathBenchmark {
  private static final int PAGES = 65_536; // 256 MiB
  private static final int REQUESTS = 25_000;

  /** Rounds for the JIT compiler, which are not counted. */
  private static final int WARM_UP_ROUNDS = 2;

  private static final int BLOCK_PAGES = ImageWriter.Options.DEFAULT.blockPages();

  private final Path work;
  private final Path destination;
  private final List<FaultHandler> handlers = new ArrayList<>();
  private final Map<FaultHandler, List<Latencies>> results = new LinkedHashMap<>();

  private FaultPathBenchmark(Path work) {
    this.work = work;
    this.destination = work.resolve("destination");
  }

  /** Arguments: a folder with the compiled C programs, rounds, and where the results go. */
  public static void main(String[] arguments) throws Exception {
    FaultPathBenchmark benchmark = new FaultPathBenchmark(Path.of(arguments[0]));
    int rounds = Integer.parseInt(arguments[1]);
    try {
      benchmark.prepare();
      benchmark.run(rounds);
    } finally {
      benchmark.removeImages();
    }
    Path out = Path.of(arguments[2]);
    Files.createDirectories(out);
    FaultPathReport report = new FaultPathReport(benchmark.results);
    Map<String, List<Latencies>> byLabel = new LinkedHashMap<>();
    benchmark.results.forEach((handler, latencies) -> byLabel.put(handler.label(), latencies));
    Latencies.writeDistribution(byLabel, out.resolve("fault-path.csv"));
    String text = report.text(REQUESTS * 4 / 5, rounds);
    Files.writeString(out.resolve("fault-path.md"), text);
    System.out.print(text);
  }

  private void prepare() throws IOException {
    Path ram = work.resolve("ram");
    try (OutputStream out = Files.newOutputStream(ram)) {
      for (int page = 0; page < PAGES; page++) {
        out.write(BenchmarkMemory.page(page));
      }
    }
    Path source = work.resolve("source");
    handlers.add(new FaultHandler.PageInC(source, ram));
    handlers.add(new FaultHandler.BlockInC(source, ram, Codec.RAW, 1));
    handlers.add(pager(Codec.RAW, 1, Plan.Miss.PAGE));
    for (Codec codec : Codec.values()) {
      handlers.add(new FaultHandler.BlockInC(source, ram, codec, BLOCK_PAGES));
      handlers.add(pager(codec, BLOCK_PAGES, Plan.Miss.PAGE));
    }
    handlers.add(pager(Codec.LZ4, BLOCK_PAGES, Plan.Miss.BLOCK));
  }

  private FaultHandler pager(Codec codec, int blockPages, Plan.Miss miss) throws IOException {
    Path image = work.resolve("image-%s-%d".formatted(codec, blockPages));
    if (!Files.exists(image)) {
      MemoryMap memory =
          new MemoryMap(
              List.of(
                  new Region("pc.ram", (long) PAGES * MemoryMap.PAGE_BYTES, MemoryMap.PAGE_BYTES)));
      try (ImageWriter writer =
          ImageWriter.create(image, memory, new ImageWriter.Options(codec, blockPages))) {
        for (int page = 0; page < PAGES; page++) {
          writer.page(page, MemorySegment.ofArray(BenchmarkMemory.page(page)), 0);
        }
        writer.commit(new Manifest("benchmark", Instant.EPOCH, memory, Map.of()));
      }
    }
    return new FaultHandler.Pager(image, codec, blockPages, miss);
  }

  private void run(int rounds) throws IOException, InterruptedException {
    handlers.forEach(handler -> results.put(handler, new ArrayList<>())); // in this order
    for (int round = -WARM_UP_ROUNDS; round < rounds; round++) {
      requireWarmCache();
      for (int i = 0; i < handlers.size(); i++) {
        FaultHandler handler = handlers.get(Math.floorMod(round + i, handlers.size()));
        Latencies latencies = measure(handler, round);
        if (round >= 0) {
          results.computeIfAbsent(handler, _ -> new ArrayList<>()).add(latencies);
        }
        System.err.printf(
            "round %d, %s: median %.1f us, p99 %.1f us%n",
            round, handler.label(), latencies.quantileUs(0.5), latencies.quantileUs(0.99));
      }
    }
  }

  private void requireWarmCache() throws IOException {
    requireCached(work.resolve("ram"));
    for (FaultHandler handler : handlers) {
      if (handler instanceof FaultHandler.Pager pager) {
        requireWarmCache(pager.image());
      }
    }
  }

  /** The pages of an image are in the page cache, or are brought there. */
  static void requireWarmCache(Path directory) throws IOException {
    try (Image image = Image.open(directory)) {
      requireCached(image.base().file());
    }
  }

  /**
   * Reads a file into the page cache. The kernel may take a few pages back at any time (the pager's
   * readers then bring them again), so all but one in a thousand is enough; it is tried some times.
   */
  private static void requireCached(Path file) throws IOException {
    try (StoreFile store = StoreFile.open(file)) {
      for (int attempt = 0; attempt < 10; attempt++) {
        try (InputStream in = Files.newInputStream(file)) {
          in.transferTo(OutputStream.nullOutputStream());
        }
        if (store.residentBytes() >= store.bytes() * 0.999) {
          return;
        }
      }
      throw new IOException(
          "%s: %d of %d bytes are in the page cache; this benchmark needs about 2 GiB of free memory"
              .formatted(file, store.residentBytes(), store.bytes()));
    }
  }

  private Latencies measure(FaultHandler handler, int seed)
      throws IOException, InterruptedException {
    Path socket = work.resolve("socket");
    Path csv = work.resolve(handler.label() + ".csv");
    Path errors = work.resolve("errors");
    Process asking =
        new ProcessBuilder(
                destination.toString(),
                socket.toString(),
                Integer.toString(REQUESTS),
                Integer.toString(seed))
            .redirectOutput(csv.toFile())
            .redirectError(errors.toFile())
            .start();
    try {
      while (!Files.exists(socket)) {
        if (asking.waitFor(10, TimeUnit.MILLISECONDS)) {
          throw new IOException("the destination has not started" + Command.lastLine(errors));
        }
      }
      handler.serve(socket);
      if (asking.waitFor() != 0) {
        throw new IOException(handler.label() + " was refused" + Command.lastLine(errors));
      }
    } finally {
      asking.destroyForcibly().waitFor();
    }
    return Latencies.read(csv);
  }

  private void removeImages() throws IOException {
    Files.deleteIfExists(work.resolve("ram"));
    for (FaultHandler handler : handlers) {
      if (handler instanceof FaultHandler.Pager pager && Files.exists(pager.image())) {
        Files.walkFileTree(pager.image(), new Deleting());
      }
    }
  }

  private static final class Deleting extends SimpleFileVisitor<Path> {
    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
      Files.delete(file);
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult postVisitDirectory(Path folder, IOException failed) throws IOException {
      Files.delete(folder);
      return FileVisitResult.CONTINUE;
    }
  }
}
