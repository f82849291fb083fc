package org.rekindle.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import org.junit.jupiter.api.Test;

class FailuresTest {
  @Test
  void aFailureIsOneLine() {
    assertThat(Failures.describe(new IOException("QEMU said:\n  no such device\n")))
        .isEqualTo("QEMU said:; no such device");
    assertThat(Failures.describe(new NoSuchFileException("vm.rekindle")))
        .isEqualTo("there is no vm.rekindle");
    assertThat(Failures.describe(new FileAlreadyExistsException("vm.rekindle")))
        .startsWith("vm.rekindle exists already; choose another name");
  }

  @Test
  void aBugAsksForItsTrace() {
    assertThat(Failures.describe(new NullPointerException("x")))
        .contains("internal error", "NullPointerException", "--debug");
    assertThat(Failures.describe(new IOException())).contains("IOException", "--debug");
  }
}
