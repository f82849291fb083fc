package org.rekindle.guest.uffd;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.Manifest;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;
import org.rekindle.linux.ProcessMemory;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;

/** An image of random memory (a third zeros, some pages alike) with a random profile. */
final class SavedMemory implements AutoCloseable {
  static final int PAGE = MemoryMap.PAGE_BYTES;

  private final Image image;
  private final byte[] content;

  private SavedMemory(Image image, byte[] content) {
    this.image = image;
    this.content = content;
  }

  static SavedMemory create(Path directory, int pages, long seed) throws IOException {
    return create(directory, pages, seed, 0);
  }

  /**
   * @param zeroUnit if positive, the second piece of so many pages is all zeros
   */
  static SavedMemory create(Path directory, int pages, long seed, int zeroUnit) throws IOException {
    byte[] content = new byte[pages * PAGE];
    Random random = new Random(seed);
    byte[] page = new byte[PAGE];
    for (int i = 0; i < pages; i++) {
      if (random.nextInt(10) > 0) { // else as the page before
        random.nextBytes(page);
        Arrays.fill(page, 0, 1 + random.nextInt(PAGE), (byte) (1 + random.nextInt(255)));
      }
      if (random.nextInt(3) > 0 && (zeroUnit == 0 || i / zeroUnit != 1)) {
        System.arraycopy(page, 0, content, i * PAGE, PAGE);
      }
    }
    Region region = new Region("mem0", content.length, PAGE);
    MemoryMap memory = new MemoryMap(List.of(region));
    try (ImageWriter writer = ImageWriter.create(directory, memory, ImageWriter.Options.DEFAULT);
        Arena arena = Arena.ofConfined()) {
      MemorySegment all = arena.allocateFrom(ValueLayout.JAVA_BYTE, content);
      for (int i = 0; i < pages; i++) {
        writer.page(i, all, (long) i * PAGE);
      }
      writer.deviceState(new byte[0]);
      writer.commit(new Manifest("firecracker", Instant.EPOCH, memory, Map.of()));
    }
    int[] touched = random.ints(0, pages).distinct().limit(pages / 4).toArray();
    Access[] access = new Access[touched.length];
    Arrays.fill(access, Access.READ);
    Image.attach(
        directory, new Profile(touched, new long[touched.length], access, 1_000_000, "test"));
    return new SavedMemory(Image.open(directory), content);
  }

  Image image() {
    return image;
  }

  /** The first byte of a page, as the VMM prints it. */
  int first(int page) {
    return content[page * PAGE] & 0xff;
  }

  /** Compares all memory of a VMM from outside; pages that it gave back must be zeros. */
  void requireIn(TestVmm vmm, BitSet givenBack) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment read = arena.allocate(content.length);
      ProcessMemory.read(vmm.pid(), vmm.address(), read);
      byte[] expected = content.clone();
      givenBack.stream().forEach(i -> Arrays.fill(expected, i * PAGE, (i + 1) * PAGE, (byte) 0));
      long mismatch = read.mismatch(MemorySegment.ofArray(expected));
      assertThat(mismatch).as("first byte that differs").isEqualTo(-1);
    }
  }

  void requireIn(TestVmm vmm) throws IOException {
    requireIn(vmm, new BitSet());
  }

  @Override
  public void close() throws IOException {
    image.close();
  }
}
