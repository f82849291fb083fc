package org.rekindle.lab;

import java.io.IOException;
import org.junit.jupiter.api.Assumptions;

/** What tests with real machines share. */
final class SlowTests {
  private SlowTests() {}

  /** The parts of a guest; where they cannot be had the test is skipped, with the reason. */
  static GuestKit kit() {
    try {
      return GuestKit.provision(System.err::println);
    } catch (IOException missing) {
      return Assumptions.abort("no guest: " + missing.getMessage());
    }
  }
}
