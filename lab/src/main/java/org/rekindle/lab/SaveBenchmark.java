package org.rekindle.lab;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.qemu.Qmp;
import org.rekindle.json.Json;

/**
 * Measures how long a save takes beside stock QEMU's own, of the same running guest, in turns:
 * {@code scripts/bench-save}.
 *
 * <p>Ours is the whole command as a user types it, from the start of its JVM until the image is
 * durable. Stock is {@code migrate "exec:cat > file"}, until QEMU says that it is done (its file is
 * not durable then): once as QEMU comes, with its limit of 128 MiB/s, and once with that limit
 * lifted.
 */
public final class SaveBenchmark {
  private static final Duration MONITOR = Duration.ofSeconds(30);

  /** About 187 MB of a 1 GiB guest are not zero with this much data beside the kernel. */
  private static final WorkloadParameters WORKLOAD = new WorkloadParameters(100, 16, 64, 60, 1, 1);

  private final Path launcher;
  private final Path work;
  private final Map<String, List<Double>> milliseconds = new LinkedHashMap<>();
  private long streamBytes;
  private long imageBytes;
  private long loadedPages;

  private SaveBenchmark(Path launcher, Path work) {
    this.launcher = launcher;
    this.work = work;
  }

  /** Arguments: the launcher, a work folder, rounds, and where the results go. */
  public static void main(String[] arguments) throws Exception {
    Path work = Files.createTempDirectory(Path.of(arguments[1]), "save-");
    SaveBenchmark benchmark = new SaveBenchmark(Path.of(arguments[0]), work);
    try {
      benchmark.run(Integer.parseInt(arguments[2]));
    } finally {
      GuestKit.delete(work);
    }
    String text = benchmark.report();
    Path out = Files.createDirectories(Path.of(arguments[3]));
    Files.writeString(out.resolve("save.md"), text);
    Files.writeString(out.resolve("save.json"), Json.pretty(benchmark.milliseconds));
    System.out.print(text);
  }

  private void run(int rounds) throws IOException, InterruptedException {
    DemoMachine machine =
        new DemoMachine(
            GuestKit.provision(System.err::println),
            "pc",
            1,
            1024,
            DemoMachine.Backing.ANONYMOUS,
            Optional.empty(),
            WORKLOAD);
    try (RunningMachine running = machine.start()) {
      running.console().awaitBeats(20, Duration.ofMinutes(2));
      for (int round = -1; round < rounds; round++) { // the first one warms the page cache
        stock(running, "stock, as it comes", 128L << 20, round);
        ours(running, round);
        stock(running, "stock, limit lifted", 1L << 40, round);
      }
    }
  }

  private void stock(RunningMachine running, String name, long bytesPerSecond, int round)
      throws IOException {
    Path file = work.resolve("stock");
    try (Qmp qmp = Qmp.connect(running.qmp(), MONITOR)) {
      qmp.execute("migrate-set-parameters", Map.of("max-bandwidth", bytesPerSecond));
      Duration elapsed = StockEager.STREAM.save(qmp, file);
      qmp.execute("migrate-set-parameters", Map.of("max-bandwidth", 128L << 20));
      qmp.execute("cont");
      note(name, elapsed.toNanos() / 1e6, round);
    }
    streamBytes = Files.size(file);
    Files.delete(file);
  }

  private void ours(RunningMachine running, int round) throws IOException, InterruptedException {
    Path image = work.resolve("image");
    long startNs = System.nanoTime();
    Process process =
        new ProcessBuilder(
                launcher.toString(),
                "save",
                "--json",
                "--qmp",
                running.qmp().toString(),
                image.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String json = new String(process.getInputStream().readAllBytes(), UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException("rekindle save failed with status " + process.exitValue());
    }
    double elapsedMs = (System.nanoTime() - startNs) / 1e6;
    Map<String, @Nullable Object> result = Json.parseObject(json);
    note("rekindle save, whole command", elapsedMs, round);
    note("rekindle save, after its JVM has started", number(result, "elapsedMs"), round);
    note("rekindle save, guest stands still", number(result, "stopMs"), round);
    imageBytes = (long) number(result, "imageBytes");
    loadedPages = (long) (number(result, "guestPages") - number(result, "zeroPages"));
    GuestKit.delete(image);
  }

  private static double number(Map<String, @Nullable Object> result, String name) {
    if (result.get(name) instanceof Number number) {
      return number.doubleValue();
    }
    throw new IllegalArgumentException("the result of save has no number " + name);
  }

  private void note(String name, double ms, int round) {
    if (round >= 0) {
      milliseconds.computeIfAbsent(name, _ -> new ArrayList<>()).add(ms);
    }
  }

  /**
   * Says how busy the machine was with other things: the first of /proc/loadavg is over a minute.
   */
  private static String load() throws IOException {
    return Files.readString(Path.of("/proc/loadavg")).split(" ", 2)[0];
  }

  private String report() throws IOException {
    StringBuilder text = new StringBuilder();
    text.append("# How long a save takes\n\n");
    text.append(
        String.format(
            Locale.ROOT,
            "`scripts/bench-save`, %s, %d processors, Linux %s, load average %s at the end. A running 1 GiB guest of QEMU (software emulation), of which"
                + " %.0f MB are not zero, is saved in turns. Medians, with the least and the most.%n%n",
            LocalDate.now(java.time.ZoneOffset.UTC),
            Runtime.getRuntime().availableProcessors(),
            System.getProperty("os.version"),
            load(),
            loadedPages * 4096 / 1e6));
    text.append(
        "| save | median ms | least | most | to stock as it comes | to stock, limit lifted |\n");
    text.append("| --- | --- | --- | --- | --- | --- |\n");
    milliseconds.forEach((name, all) -> {
      double[] sorted = all.stream().mapToDouble(Double::doubleValue).sorted().toArray();
      text.append(
          String.format(
              Locale.ROOT,
              "| %s | %.0f | %.0f | %.0f | %.2f | %.2f |%n",
              name,
              median(sorted),
              sorted[0],
              sorted[sorted.length - 1],
              ratio(all, "stock, as it comes"),
              ratio(all, "stock, limit lifted")));
    });
    text.append(
        String.format(
            Locale.ROOT,
            "%nThe image takes %.1f MB, stock's file %.1f MB. The image is durable (fsync) when the command ends;"
                + " stock's file is not. Raw figures: `save.json`.%n",
            imageBytes / 1e6,
            streamBytes / 1e6));
    return text.toString();
  }

  /** The median of the ratios within each round. */
  private double ratio(List<Double> ours, String rival) {
    List<Double> theirs = milliseconds.getOrDefault(rival, List.of());
    double[] ratios = new double[Math.min(ours.size(), theirs.size())];
    Arrays.setAll(ratios, i -> ours.get(i) / theirs.get(i));
    Arrays.sort(ratios);
    return median(ratios);
  }

  private static double median(double[] sorted) {
    return sorted.length == 0 ? Double.NaN : sorted[sorted.length / 2];
  }
}
