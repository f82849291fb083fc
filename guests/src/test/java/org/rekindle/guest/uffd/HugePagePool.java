package org.rekindle.guest.uffd;

import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Lets the kernel make huge pages of 2 MiB when they are wanted, and puts that back. */
final class HugePagePool implements AutoCloseable {
  private static final Path OVERCOMMIT =
      Path.of("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages");

  private final String before;

  private HugePagePool(String before) {
    this.before = before;
  }

  /** At least so many; skips the test where that is not ours to say. */
  static HugePagePool atLeast(int pages) throws IOException {
    try {
      String before = Files.readString(OVERCOMMIT).strip();
      HugePagePool pool = new HugePagePool(before);
      if (Integer.parseInt(before) < pages) {
        Files.writeString(OVERCOMMIT, Integer.toString(pages));
      }
      return pool;
    } catch (IOException refused) {
      return abort("no huge pages for tests here (needs root): " + refused);
    }
  }

  @Override
  public void close() throws IOException {
    if (!Files.readString(OVERCOMMIT).strip().equals(before)) {
      Files.writeString(OVERCOMMIT, before);
    }
  }
}
