package org.rekindle.guest.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.rekindle.image.Image;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageReader;

/** What tests ask of images. */
final class Images {
  private Images() {}

  static void assertSamePages(Path left, Path right) throws IOException {
    try (Image a = Image.open(left);
        Image b = Image.open(right);
        PageReader readA = a.newPageReader();
        PageReader readB = b.newPageReader();
        Arena arena = Arena.ofConfined()) {
      assertThat(a.memory()).isEqualTo(b.memory());
      MemorySegment pages = arena.allocate(2 * MemoryMap.PAGE_BYTES);
      for (int page = 0; page < a.memory().pages(); page++) {
        readA.read(page, pages, 0);
        readB.read(page, pages, 4096);
        if (MemorySegment.mismatch(pages, 0, 4096, pages, 4096, 8192) != -1) {
          throw new AssertionError("page " + page + " differs");
        }
      }
    }
  }
}
