package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.lab.DiskThrottle.Limits;
import org.rekindle.lab.DiskThrottle.Outcome;

@Tag("slow")
class DiskThrottleSlowTest {
  @TempDir Path directory;

  @Test
  void aColdFileIsReadNoFasterThanTheLimitAndNothingIsLeftBehind() throws IOException {
    byte[] data = new byte[8 << 20];
    Path file = Files.write(directory.resolve("data"), data);
    assertThat(ColdCache.drop(List.of(directory)).bytes()).isEqualTo(data.length);
    Assumptions.assumeTrue(
        ColdCache.drop(List.of(file)).isCold(), "the temporary directory is in memory (tmpfs)");
    Path group;
    switch (DiskThrottle.apply(file, new Limits(16 << 20, 1000))) {
      case Outcome.Unthrottled refused -> {
        Assumptions.abort("no throttle here: " + refused.reason());
        return;
      }
      case Outcome.Throttled(DiskThrottle throttle) -> {
        try (throttle) {
          group = Path.of("/proc/self/cgroup");
          assertThat(Files.readString(group)).contains("/rekindle-");
          long startNs = System.nanoTime();
          Files.readAllBytes(file);
          // Twice as fast would still show that it works: the kernel lets some go ahead.
          assertThat(System.nanoTime() - startNs).isGreaterThan(250_000_000L);
        }
      }
    }
    assertThat(Files.readString(group)).doesNotContain("/rekindle-");
    assertThat(ColdCache.drop(List.of(file)).isCold()).isTrue();
  }
}
