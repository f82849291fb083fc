package org.rekindle.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.zip.DataFormatException;
import org.junit.jupiter.api.Test;

class ManifestFileTest {
  private static final ImageFiles FILES =
      new ImageFiles(
          new Manifest(
              "qemu",
              Instant.parse("2026-01-31T12:00:00Z"),
              new MemoryMap(
                  List.of(
                      new Region("pc.ram", 1 << 30, 4096),
                      new Region("0000:00:02.0/vga.vram", 1 << 24, 4096))),
              Map.of("machine", "pc-q35-7.2", "vcpus", 2L, "käse", List.of(1L, Map.of()))),
          3,
          new ImageFiles.Blob("device.state", 12345, 0xdeadbeef),
          store("base.pages", "base.index"),
          store("hot.3.pages", "hot.3.index"),
          new ImageFiles.Blob("profile.3", 99, 0x0000000f),
          new ImageFiles.Blob("runs.3", 99, 0x7000000f));

  private static ImageFiles.Store store(String pages, String index) {
    return new ImageFiles.Store(
        pages, 1L << 33, new ImageFiles.Blob(index, 300, 7), Codec.ZSTD, 16, 1000, 16000, 20000);
  }

  private static byte[] text() {
    return ManifestFile.encode(FILES);
  }

  /** The manifest with one replacement, and the checksum that the program then asks for. */
  private static byte[] with(String from, String to) {
    String text = new String(text(), StandardCharsets.UTF_8);
    assertThat(text).contains(from);
    String changed = text.replaceFirst(java.util.regex.Pattern.quote(from), to);
    try {
      ManifestFile.decode(changed.getBytes(StandardCharsets.UTF_8));
    } catch (DataFormatException e) {
      String message = String.valueOf(e.getMessage());
      if (message.startsWith("checksum")) {
        String expected = message.substring(9, 17);
        String found = message.substring(message.indexOf(", ") + 2, message.indexOf(" found"));
        changed = changed.replaceFirst(expected, found);
      }
    }
    return changed.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void whatIsWrittenComesBack() throws DataFormatException {
    assertThat(ManifestFile.decode(text())).isEqualTo(FILES);
    ImageFiles cold =
        new ImageFiles(FILES.manifest(), 0, FILES.deviceState(), FILES.base(), null, null, null);
    assertThat(ManifestFile.decode(ManifestFile.encode(cold))).isEqualTo(cold);
  }

  @Test
  void everyChangedByteIsNoticed() {
    byte[] text = text();
    Random random = new Random(2);
    for (int at = 0; at < text.length; at++) {
      byte[] damaged = text.clone();
      damaged[at] ^= (byte) (1 << random.nextInt(8));
      try {
        assertThat(ManifestFile.decode(damaged)).isEqualTo(FILES); // the case of a hex digit
      } catch (DataFormatException expected) {
        assertThat(expected.getMessage()).isNotBlank();
      }
    }
  }

  @Test
  void everyTruncationIsNoticed() throws DataFormatException {
    byte[] text = text();
    for (int bytes = 0; bytes < text.length - 1; bytes++) {
      byte[] cut = Arrays.copyOf(text, bytes);
      assertThatThrownBy(() -> ManifestFile.decode(cut)).isInstanceOf(DataFormatException.class);
    }
  }

  @Test
  void aNewerVersionIsRefusedByName() {
    assertThatThrownBy(() -> ManifestFile.decode(with("\"version\" : 1", "\"version\" : 2")))
        .hasMessageContaining("version 2")
        .hasMessageContaining("reads 1");
  }

  @Test
  void unknownFieldsAreIgnored() throws DataFormatException {
    assertThat(ManifestFile.decode(with("\"guestKind\"", "\"novel\" : [ { } ], \"guestKind\"")))
        .isEqualTo(FILES);
  }

  @Test
  void aParentIsRefused() {
    assertThatThrownBy(() -> ManifestFile.decode(with("\"parent\" : null", "\"parent\" : \"x\"")))
        .hasMessageContaining("parent");
  }

  @Test
  void namesThatReachOutOfTheDirectoryAreRefused() {
    for (String name : new String[] {"../x", "/etc/passwd", "..", "a/b", "", "x".repeat(65)}) {
      assertThatThrownBy(() -> ManifestFile.decode(with("hot.3.pages", name)))
          .isInstanceOf(DataFormatException.class)
          .hasMessageContaining("hot.pageFile");
    }
  }

  @Test
  void fieldsOfAnotherTypeOrSizeAreRefusedByName() {
    String[][] lies = {
      {"\"bytes\" : 1073741824", "\"bytes\" : 1073741825"},
      {"\"bytes\" : 1073741824", "\"bytes\" : 4611686018427387904"},
      {"\"bytes\" : 1073741824", "\"bytes\" : 4398046511104"},
      {"\"bytes\" : 1073741824", "\"bytes\" : 1e30"},
      {"\"bytes\" : 1073741824", "\"bytes\" : 99999999999999999999"},
      {"\"bytes\" : 12345", "\"bytes\" : -1"},
      {"\"bytes\" : 12345", "\"bytes\" : \"12345\""},
      {"\"blockPages\" : 16", "\"blockPages\" : 257"},
      {"\"codec\" : \"zstd\"", "\"codec\" : \"rot13\""},
      {"2026-01-31T12:00:00Z", "yesterday"},
      {"\"generation\" : 3", "\"generation\" : 2147483647"},
      {"\"pc.ram\"", "\"\""},
      {"\"0000:00:02.0/vga.vram\"", "\"pc.ram\""},
      {"deadbeef", "deadbee"},
      {"\"base\" :", "\"bass\" :"},
      {"\"regions\" :", "\"regions\" : [], \"was\" :"},
      {"\"regions\" :", "\"regions\" : [ 1 ], \"was\" :"},
    };
    for (String[] lie : lies) {
      assertThatThrownBy(() -> ManifestFile.decode(with(lie[0], lie[1])))
          .as(lie[1])
          .isInstanceOf(DataFormatException.class)
          .hasMessageNotContainingAny("checksum");
    }
  }
}
