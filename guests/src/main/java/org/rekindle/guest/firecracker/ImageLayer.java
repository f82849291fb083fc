package org.rekindle.guest.firecracker;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.rekindle.image.Image;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageReader;
import org.rekindle.image.PageStore;

/** The memory that an image holds, to lie under a difference. */
final class ImageLayer implements MemoryLayer {
  private final Image image;
  private final PageStore store;
  private final PageReader reader;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment data = arena.allocate(MemoryMap.PAGE_BYTES);

  private ImageLayer(Image image) {
    this.image = image;
    this.store = image.base();
    this.reader = image.newPageReader();
  }

  /**
   * Opens an image.
   *
   * @throws IOException if it is damaged, or of another kind of guest
   */
  static ImageLayer open(Path directory) throws IOException {
    Image image = Image.open(directory);
    String kind = image.manifest().guestKind();
    if (!kind.equals(SavedMicrovm.GUEST_KIND)) {
      image.close();
      throw new IOException(
          "%s holds a guest of kind '%s'; a difference that Firecracker made lies over a"
                  .formatted(directory, kind)
              + " Firecracker image");
    }
    return new ImageLayer(image);
  }

  @Override
  public int pages() {
    return image.memory().pages();
  }

  @Override
  public void copy(int from, int end, Sink sink) throws IOException {
    for (int page = from; page < end; page++) {
      if (store.blockOf(page) >= 0) {
        reader.read(page, data, 0);
        sink.page(page, data, 0);
      }
    }
  }

  @Override
  public void close() throws IOException {
    try (image) {
      reader.close();
      arena.close();
    }
  }
}
