package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.lab.criu.Debian13;

/**
 * Processes that real CRIU dumps and restores; they compare their memory themselves, and it is
 * compared with the image from outside.
 */
class CriuContractSlowTest extends GuestContract {
  @TempDir static Path programs;

  private static Path worker;

  @BeforeAll
  static void prepare() throws IOException {
    Debian13.folder();
    worker = Debian13.compile("worker", programs);
  }

  static Stream<GuestUnderTest> guests() {
    return Stream.of(
        one(),
        new CriuGuestUnderTest(
            "one process, CRIU of Debian testing", worker, CriuGuestUnderTest.TESTING, 1, false),
        new CriuGuestUnderTest("three processes", worker, CriuGuestUnderTest.STABLE, 3, false),
        new CriuGuestUnderTest(
            "two that give back and fork", worker, CriuGuestUnderTest.STABLE, 2, true));
  }

  private static GuestUnderTest one() {
    return new CriuGuestUnderTest("one process", worker, CriuGuestUnderTest.STABLE, 1, false);
  }

  @Override
  GuestUnderTest plainest() {
    return one();
  }
}
