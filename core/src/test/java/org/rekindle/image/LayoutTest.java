package org.rekindle.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LayoutTest {
  @TempDir Path temp;

  @Test
  void aCopyWithoutPageDataSaysTheSameOfEveryPage() throws IOException {
    Path directory = saved();
    Path copy = Files.createDirectory(temp.resolve("copy"));
    Layout.copy(directory, copy);
    Layout layout = Layout.read(copy);
    try (Image image = Image.open(directory);
        var names = Files.list(copy)) {
      assertThat(names.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder("manifest.json", "base.index", "hot.1.index", "profile.1");
      assertThat(layout.memory()).isEqualTo(image.memory());
      assertThat(Objects.requireNonNull(layout.profile()).pages())
          .isEqualTo(image.profile().orElseThrow().pages());
      assertSame(layout.base(), image.base(), image.memory().pages());
      assertSame(
          Objects.requireNonNull(layout.hot()), image.hot().orElseThrow(), image.memory().pages());
    }
  }

  private static void assertSame(PageStore kept, PageStore store, int pages) {
    assertThat(kept.blocks()).isEqualTo(store.blocks()).isPositive();
    for (int block = 0; block < store.blocks(); block++) {
      assertThat(List.of(kept.offset(block), (long) kept.storedBytes(block), kept.isRaw(block)))
          .isEqualTo(
              List.of(store.offset(block), (long) store.storedBytes(block), store.isRaw(block)));
    }
    for (int page = 0; page < pages; page++) {
      assertThat(kept.blockOf(page)).isEqualTo(store.blockOf(page));
    }
  }

  @Test
  void aDamagedIndexIsRefused() throws IOException {
    Path directory = saved();
    Path index = directory.resolve("hot.1.index");
    byte[] bytes = Files.readAllBytes(index);
    bytes[bytes.length / 2] ^= 1;
    Files.write(index, bytes);
    assertThatThrownBy(() -> Layout.read(directory))
        .isInstanceOf(CorruptImageException.class)
        .hasMessageContaining("hot.1.index");
  }

  private Path saved() throws IOException {
    RandomGuest guest = new RandomGuest(1, 700);
    Path directory = temp.resolve("image");
    guest.save(directory, ImageWriter.Options.DEFAULT);
    Image.attach(directory, guest.profile());
    return directory;
  }
}
