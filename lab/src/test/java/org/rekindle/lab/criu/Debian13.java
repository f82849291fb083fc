package org.rekindle.lab.criu;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;

/** The folder with CRIU and the programs that are dumped. */
public final class Debian13 {
  private Debian13() {}

  /** Where it is; where there is none the test is skipped, with the reason. */
  public static Path folder() {
    @Nullable String folder = System.getenv("REKINDLE_DEBIAN13");
    Assumptions.assumeTrue(
        folder != null, "REKINDLE_DEBIAN13 names no Debian 13 folder: ./check makes one as root");
    return Path.of(folder);
  }

  /** A C program of these tests, compiled so that it needs nothing of the folder. */
  public static Path compile(String name, Path directory) throws IOException {
    Assumptions.assumeTrue(
        Files.isExecutable(Path.of("/usr/bin/gcc")), "no gcc here: apt-get install gcc");
    Path source = directory.resolve(name + ".c");
    try (InputStream text =
        Objects.requireNonNull(Debian13.class.getResourceAsStream(name + ".c"))) {
      Files.copy(text, source, StandardCopyOption.REPLACE_EXISTING);
    }
    Path program = directory.resolve(name);
    Process gcc =
        new ProcessBuilder(
                "gcc", "-O2", "-Wall", "-Werror", "-static", "-o", "" + program, "" + source)
            .inheritIO()
            .start();
    try {
      if (gcc.waitFor() != 0) {
        throw new IOException(name + ".c does not compile");
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while gcc was running", interrupted);
    }
    return program;
  }
}
