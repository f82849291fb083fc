package org.rekindle.lab.criu;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;

/** The folder with CRIU and the programs that are dumped. */
final class Debian13 {
  private Debian13() {}

  /** Where it is; where there is none the test is skipped, with the reason. */
  static Path folder() {
    @Nullable String folder = System.getenv("REKINDLE_DEBIAN13");
    Assumptions.assumeTrue(
        folder != null, "REKINDLE_DEBIAN13 names no Debian 13 folder: ./check makes one as root");
    return Path.of(folder);
  }
}
