package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/** Huge pages of 2 MiB, more than the machine had set aside; closing puts that back. */
final class MoreHugePages implements AutoCloseable {
  private static final Path SETTING = Path.of("/proc/sys/vm/nr_hugepages");
  private static final Path FREE =
      Path.of("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");

  private final int more;

  private MoreHugePages(int more) {
    this.more = more;
  }

  /** Sets so many more aside, or as many as the machine has, or none where we may not. */
  static MoreHugePages of(int wanted) throws IOException {
    int before = number(SETTING);
    try {
      Files.writeString(SETTING, Integer.toString(before + wanted));
    } catch (IOException notAllowed) {
      return new MoreHugePages(0);
    }
    return new MoreHugePages(number(SETTING) - before);
  }

  private static int number(Path file) throws IOException {
    return Integer.parseInt(Files.readString(file).strip());
  }

  /** Skips the test if there are less than so many. */
  static void require(int pages) throws IOException {
    int free = Files.exists(FREE) ? number(FREE) : 0;
    Assumptions.assumeTrue(
        free >= pages, "%d huge pages of 2 MiB are free, %d needed (root?)".formatted(free, pages));
  }

  @Override
  public void close() throws IOException {
    if (more > 0) {
      Files.writeString(SETTING, Integer.toString(Math.max(0, number(SETTING) - more)));
    }
  }
}
