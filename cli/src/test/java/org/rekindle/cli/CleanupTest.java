package org.rekindle.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class CleanupTest {
  private final List<String> closed = new ArrayList<>();

  @Test
  void whatIsOwnedIsClosedInReverseOrder() throws Exception {
    try (Cleanup cleanup = new Cleanup()) {
      cleanup.<AutoCloseable>own(() -> closed.add("image"));
      cleanup.<AutoCloseable>own(() -> closed.add("qemu"));
    }
    assertThat(closed).containsExactly("qemu", "image");
  }

  @Test
  void oneThatFailsToCloseDoesNotKeepTheOthersOpen() {
    assertThatThrownBy(
            () -> {
              try (Cleanup cleanup = new Cleanup()) {
                cleanup.<AutoCloseable>own(() -> closed.add("image"));
                cleanup.<AutoCloseable>own(() -> {
                  throw new IOException("stuck");
                });
              }
            })
        .hasMessage("stuck");
    assertThat(closed).containsExactly("image");
  }
}
