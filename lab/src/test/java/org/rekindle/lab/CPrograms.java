package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;
import org.rekindle.linux.LinuxException;
import org.rekindle.linux.Userfaultfd;

/** Programs of {@code lab/src/bench/c}, for tests: skipped with the reason where they cannot be. */
final class CPrograms {
  private CPrograms() {}

  static Path compile(Path directory, String name, String... libraries) throws IOException {
    Assumptions.assumeTrue(Command.find("gcc").isPresent(), "no gcc here: apt-get install gcc");
    return DoubleMachine.compile(directory, name, libraries);
  }

  static Path vmmDouble(Path directory) throws IOException {
    return compile(directory, "vmm_double");
  }

  /**
   * The double makes a userfaultfd that also sees faults inside the kernel, as Firecracker does.
   */
  static void requireUserfaultfd() throws IOException {
    try {
      Userfaultfd.create(Userfaultfd.FEATURE_EVENT_REMOVE, false).close();
    } catch (LinuxException refused) {
      Assumptions.abort("no userfaultfd here: " + refused.getMessage());
    }
  }
}
