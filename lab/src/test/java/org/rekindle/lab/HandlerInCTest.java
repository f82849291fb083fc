package org.rekindle.lab;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The C programs that the pager's fault path is measured beside: they fit each other. */
@Timeout(60)
class HandlerInCTest {
  private static final int REQUESTS = 300;

  @TempDir private Path directory = Path.of("unset");

  @BeforeEach
  void compile() throws Exception {
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/gcc")), "no gcc here: apt install gcc");
    Path sources = Path.of(System.getProperty("rekindle.root", ".."), "lab/src/bench/c");
    for (String program : List.of("destination", "source")) {
      run(
          "/usr/bin/gcc",
          "-O2",
          "-Wall",
          "-Wextra",
          "-Werror",
          "-o",
          directory.resolve(program).toString(),
          sources.resolve(program + ".c").toString());
    }
    byte[] pages = new byte[400 * 4096];
    new Random(5).nextBytes(pages);
    Files.write(directory.resolve("ram"), pages);
  }

  @Test
  void everyRequestIsAnsweredPageByPage() throws Exception {
    assertThat(latencies()).hasSize(REQUESTS + 1).startsWith("request,page,latency_ns");
  }

  @Test
  void everyRequestIsAnsweredFromCheckedBlocks() throws Exception {
    assertThat(latencies("32768")).hasSize(REQUESTS + 1);
  }

  private List<String> latencies(String... sourceOptions) throws Exception {
    Path csv = directory.resolve("latencies.csv");
    Path errors = directory.resolve("errors");
    Path socket = directory.resolve("s");
    Process destination =
        new ProcessBuilder(
                directory.resolve("destination").toString(),
                socket.toString(),
                Integer.toString(REQUESTS),
                "1")
            .redirectOutput(csv.toFile())
            .redirectError(errors.toFile())
            .start();
    try {
      while (!Files.exists(socket)) {
        assertThat(destination.waitFor(10, TimeUnit.MILLISECONDS)).as("ended").isFalse();
      }
      List<String> source = new ArrayList<>();
      source.add(directory.resolve("source").toString());
      source.add(socket.toString());
      source.add(directory.resolve("ram").toString());
      source.addAll(List.of(sourceOptions));
      run(source.toArray(String[]::new));
      assertThat(destination.waitFor()).as(() -> read(errors)).isZero();
    } finally {
      destination.destroyForcibly().waitFor();
    }
    return Files.readAllLines(csv);
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as("%s: %s", String.join(" ", command), output).isZero();
  }
}
