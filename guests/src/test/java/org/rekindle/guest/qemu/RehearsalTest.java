package org.rekindle.guest.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.rekindle.image.ImageWriter;

class RehearsalTest {
  @Test
  void itsStreamIsReadWhole() throws Exception {
    RecordingSink sink = new RecordingSink();
    Rehearsal.read(sink);
    assertThat(sink.pages).hasSize(4096 / 8).containsKey(8);
  }

  @Test
  void itRunsWithEveryLayout() {
    for (int blockPages : new int[] {1, 256}) {
      Rehearsal.run(new ImageWriter.Options(ImageWriter.Options.DEFAULT.codec(), blockPages));
    }
  }
}
