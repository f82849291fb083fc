package org.rekindle.lab.criu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("slow")
class SandboxSlowTest {
  @TempDir private Path work;

  @Test
  void criuFindsAllItNeedsInside() throws IOException {
    try (Sandbox sandbox = Sandbox.start(Debian13.folder(), work)) {
      assertThat(sandbox.run("criu", "check")).contains("Looks good");
    }
  }

  @Test
  void whatRunsInsideEndsWithItAndHasHighNumbers() throws IOException {
    Set<Long> before = sleepers();
    try (Sandbox sandbox = Sandbox.start(Debian13.folder(), work)) {
      assertThat(sandbox.daemon("sleeper", "sleep", "4242")).isGreaterThan(999);
      assertThat(sleepers()).hasSize(before.size() + 1);
    }
    assertThat(sleepers()).isEqualTo(before);
    assertThat(Files.readString(Path.of("/proc/self/mounts"))).doesNotContain(work.toString());
  }

  @Test
  void aFailedCommandSaysWhatItPrinted() throws IOException {
    try (Sandbox sandbox = Sandbox.start(Debian13.folder(), work)) {
      assertThatThrownBy(() -> sandbox.run("ls", "/nothing/here"))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("No such file");
    }
  }

  private static Set<Long> sleepers() {
    return ProcessHandle.allProcesses()
        .filter(process -> process.info().commandLine().orElse("").endsWith("sleep 4242"))
        .map(ProcessHandle::pid)
        .collect(Collectors.toSet());
  }
}
