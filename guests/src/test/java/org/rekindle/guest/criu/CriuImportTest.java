package org.rekindle.guest.criu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rekindle.guest.criu.DumpBuilder.Message;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageReader;
import org.rekindle.image.Region;

class CriuImportTest {
  @TempDir private Path folder;

  private Path image() {
    return folder.resolve("image");
  }

  private CriuImportResult imported(Path dump) throws IOException {
    try (CriuImport work =
        new CriuImport(dump, image(), ImageWriter.Options.DEFAULT, (_, _) -> {})) {
      return work.run();
    }
  }

  private void assertRefused(Path dump, String... parts) throws IOException {
    assertThatThrownBy(() -> imported(dump))
        .isInstanceOf(CriuImageException.class)
        .hasMessageContainingAll(parts);
    assertNothingIsLeft();
  }

  private void assertNothingIsLeft() throws IOException {
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left.map(Path::toString)).noneMatch(name -> name.contains("image"));
    }
  }

  private void deleteImage() throws IOException {
    try (Stream<Path> files = Files.list(image())) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(image());
  }

  private static void assertFills(Image image, byte... fills) throws IOException {
    assertThat(image.memory().pages()).isEqualTo(fills.length);
    try (Arena arena = Arena.ofConfined();
        PageReader reader = image.newPageReader()) {
      MemorySegment page = arena.allocate(MemoryMap.PAGE_BYTES);
      byte[] expected = new byte[MemoryMap.PAGE_BYTES];
      for (int i = 0; i < fills.length; i++) {
        reader.read(i, page, 0);
        Arrays.fill(expected, fills[i]);
        assertThat(page.toArray(ValueLayout.JAVA_BYTE)).as("page %d", i).isEqualTo(expected);
      }
    }
  }

  @Test
  void lazyPagesOfAllProcessesBecomeAnImage() throws Exception {
    CriuImportResult result = imported(DumpBuilder.typical(folder));
    assertThat(result.processes()).isEqualTo(3);
    assertThat(result.pages()).isEqualTo(9);
    assertThat(result.zeroPages()).isEqualTo(1);
    assertThat(result.otherPages()).isEqualTo(1);
    try (Image image = Image.open(image())) {
      assertThat(image.manifest().guestKind()).isEqualTo("criu");
      assertThat(image.memory().regions())
          .containsExactly(new Region("7", 7 * 4096, 4096), new Region("9", 2 * 4096, 4096));
      assertFills(image, DumpBuilder.TYPICAL_FILLS);
    }
  }

  @Test
  void rangesAreJoinedInsideAMappingAndCutAtItsEnd() throws Exception {
    imported(DumpBuilder.typical(folder));
    try (Image image = Image.open(image())) {
      SavedTree tree = SavedTree.decode(image.deviceState(), image.memory());
      assertThat(tree.tasks())
          .containsExactly(
              new SavedTask(
                  7,
                  List.of(
                      new PageRange(0x10000, 2),
                      new PageRange(0x12000, 3),
                      new PageRange(0x21000, 2))),
              new SavedTask(8, List.of()),
              new SavedTask(9, List.of(new PageRange(0x7f0000000000L, 2))));
      assertThat(tree.dump()).isEqualTo(Dump.open(folder.resolve("dump")).checksum());
    }
  }

  @Test
  void pagesOfVeryOldDumpsAreFoundThroughTwoParents() throws Exception {
    new DumpBuilder(folder.resolve("before"))
        .task(7, 0x10000, 0x20000)
        .fill(PageMap.PRESENT, 1, 50)
        .entry(new Message().number(1, 0x10000).number(2, 1)) // no flags
        .done()
        .done();
    Path between =
        new DumpBuilder(folder.resolve("between"))
            .task(7, 0x10000, 0x20000)
            .entry(new Message().number(1, 0x10000).number(2, 1).number(3, 1)) // in_parent
            .done()
            .done();
    Files.createSymbolicLink(between.resolve("parent"), folder.resolve("before"));
    Path dump = with(entry(0x10000, 1, PageMap.PARENT | PageMap.LAZY));
    Files.createSymbolicLink(dump.resolve("parent"), between);
    imported(dump);
    try (Image image = Image.open(image())) {
      assertFills(image, (byte) 50);
    }
  }

  private Path with(Message entry) throws IOException {
    return new DumpBuilder(folder.resolve("dump"))
        .task(7, 0x10000, 0x20000)
        .entry(entry)
        .done()
        .done();
  }

  private static Message entry(long address, long pages, long flags) {
    return new Message().number(1, address).number(2, pages).number(4, flags);
  }

  @Test
  void whatCannotBeServedIsRefusedByName() throws Exception {
    assertRefused(
        with(entry(0x10000, 1, PageMap.LAZY)), "page 0x10000 was left with a page server");
    assertRefused(
        with(entry(0x10000, 1, 6).number(6, 1)), "field 6", "compressed", "dump --compress");
    assertRefused(with(entry(0x10000, 1, 14)), "flags 0xe");
    assertRefused(with(entry(0x10000, 1, 3)), "in the dump before, which is missing");
  }

  @Test
  void anImpossiblePageMapIsRefused() throws Exception {
    assertRefused(with(entry(0x10001, 1, 6)), "pages at 0x10001");
    assertRefused(with(entry(-4096, 1, 6)), "pages at 0xfffffffffffff000");
    assertRefused(with(entry(0x10000, 0, 6)), "0 pages");
    assertRefused(with(entry(0x10000, 1L << 50, 6)), "pages at 0x10000");
    assertRefused(with(entry(0x10000, 1L << 33, 6)), "more than an image can have");
    assertRefused(with(entry(0x10000, 3, 6)), "pages-7.img: 0 bytes");
    assertRefused(
        with(new Message().number(1, 0x10000).message(2, new Message())), "field 2 is to be");
  }

  @Test
  void pagesOutsideOfAllMappingsAreRefused() throws Exception {
    Path dump =
        new DumpBuilder(folder.resolve("dump"))
            .task(7, 0x10000, 0x11000)
            .pages(0x10000, 2, DumpBuilder.PRESENT_LAZY, 1)
            .done()
            .done();
    assertRefused(dump, "mm-7.img", "page 0x11000");
  }

  @Test
  void aCircleOfParentsIsRefused() throws Exception {
    Path dump = with(entry(0x10000, 1, 3));
    Files.createSymbolicLink(dump.resolve("parent"), dump);
    assertRefused(dump, "it is its own parent");
  }

  @Test
  void aDumpWithNothingLazyIsRefused() throws Exception {
    Path dump =
        new DumpBuilder(folder.resolve("dump"))
            .task(7, 0x10000, 0x11000)
            .pages(0x10000, 1, PageMap.PRESENT, 1)
            .done()
            .done();
    assertRefused(dump, "an image would be empty");
  }

  @Test
  void aPreDumpOrAnotherFolderIsRefusedWithAdvice() throws Exception {
    Path dump = DumpBuilder.typical(folder);
    Files.delete(dump.resolve("pstree.img"));
    assertRefused(dump, "a pre-dump cannot be restored");
    assertThatThrownBy(() -> imported(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is the folder a whole dump?");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "inventory.img",
        "pstree.img",
        "mm-7.img",
        "pagemap-7.img",
        "../before/pagemap-7.img"
      })
  void aFileCutOffAnywhereEndsInAnImageOrInAnIoException(String name) throws Exception {
    Path dump = DumpBuilder.typical(folder);
    byte[] whole = Files.readAllBytes(dump.resolve(name));
    for (int length = 0; length < whole.length; length++) {
      Files.write(dump.resolve(name), Arrays.copyOf(whole, length));
      importOrRefuse(dump);
    }
  }

  @Test
  void damagedBytesEndInAnImageOrInAnIoException() throws Exception {
    Path dump = DumpBuilder.typical(folder);
    long seed = System.nanoTime();
    SplittableRandom random = new SplittableRandom(seed);
    List<String> names =
        List.of("inventory.img", "pstree.img", "mm-7.img", "pagemap-7.img", "pagemap-9.img");
    for (int round = 0; round < 500; round++) {
      Path file = dump.resolve(names.get(random.nextInt(names.size())));
      byte[] whole = Files.readAllBytes(file);
      byte[] damaged = whole.clone();
      for (int i = random.nextInt(1, 4); i > 0; i--) {
        damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
      }
      Files.write(file, damaged);
      try {
        importOrRefuse(dump);
      } catch (RuntimeException | Error wrong) {
        throw new AssertionError("seed " + seed + ", round " + round + ", " + file, wrong);
      }
      Files.write(file, whole);
    }
  }

  /** A file may end, or be changed, where nobody can tell: between two processes of the tree. */
  private void importOrRefuse(Path dump) throws IOException {
    boolean made = false;
    try {
      imported(dump);
      made = true;
    } catch (IOException refused) {
      assertNothingIsLeft();
    }
    if (made) {
      deleteImage();
    }
  }
}
