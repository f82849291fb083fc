package org.rekindle.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.zip.DataFormatException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.envelope.Envelope;
import org.rekindle.json.Json;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.ProfileFile;
import org.rekindle.workingset.RunHistory;
import org.rekindle.workingset.RunHistoryFile;

/** docs/formats/image.md names all that an image has, and the bytes are where it says. */
class FormatDocumentTest {
  private final String page =
      Files.readString(
          Path.of(System.getProperty("rekindle.root", ".."), "docs", "formats", "image.md"));

  FormatDocumentTest() throws IOException {}

  @Test
  void everyMemberOfTheManifestIsDescribed(@TempDir Path temp) throws IOException {
    RandomGuest guest = new RandomGuest(41, 30);
    Path directory = temp.resolve("image");
    guest.save(directory, ImageWriter.Options.DEFAULT);
    Image.attach(directory, guest.profile(), new RunHistory(List.of(guest.profile())));
    Map<String, ?> manifest =
        Json.parseObject(Files.readString(directory.resolve("manifest.json")));
    requireNamed(manifest, "guest");
    for (String name : ImageRoundTripTest.names(directory)) {
      assertThat(page).contains("`" + name.replace(".1", ".N") + "`");
    }
  }

  private void requireNamed(Object json, String free) {
    if (json instanceof Map<?, ?> object) {
      object.forEach((name, value) -> {
        assertThat(page).contains("`" + name + "`");
        if (!name.equals(free) && value != null) {
          requireNamed(value, free);
        }
      });
    } else if (json instanceof Iterable<?> list) {
      list.forEach(each -> requireNamed(each, free));
    }
  }

  @Test
  void everyCodecHasTheNumberThatIsDescribed() {
    for (Codec codec : Codec.values()) {
      String name = codec == Codec.LZ4 ? "LZ4" : codec.name().toLowerCase(java.util.Locale.ROOT);
      assertThat(page).contains("| " + name + " | " + codec.code() + " |");
    }
  }

  @Test
  void theBytesOfAnIndexAreWhereThePageSays() throws DataFormatException {
    BlockTable blocks = new BlockTable(2);
    blocks.add(0x0102, 3, Codec.ZSTD, 0xa1a2a3a4);
    blocks.add(0x1000, 1, Codec.RAW, 0xb1b2b3b4);
    byte[] file = new StoreIndex(blocks, new int[] {-1, 0, 1, -1, 3}).encode();
    assertThat(new String(file, 0, 8, StandardCharsets.US_ASCII)).isEqualTo("RKDLINDX");
    assertThat(hex(file, "RKDLINDX"))
        .isEqualToIgnoringWhitespace(
            "05000000 02000000 04000000 02000000 0211000000000000" // counts, bytes of the file
                + " 02010000 00100000" // stored bytes
                + " 02 00" // slots less one
                + " 02 00" // codecs
                + " a4a3a2a1 b4b3b2b1" // checksums
                + " 01000000 04000000" // first pages
                + " 02000000 01000000" // pages
                + " 00000000 03000000"); // first slots
  }

  @Test
  void theBytesOfAProfileAreWhereThePageSays() throws DataFormatException {
    Profile profile =
        new Profile(
            new int[] {7, 2},
            new long[] {1, 0x102},
            new Access[] {Access.READ, Access.WRITE},
            0x55,
            "é");
    byte[] file = ProfileFile.encode(profile);
    assertThat(new String(file, 0, 8, StandardCharsets.US_ASCII)).isEqualTo("RKDLPROF");
    assertThat(hex(file, "RKDLPROF"))
        .isEqualToIgnoringWhitespace(
            "02000000 5500000000000000 0200 c3a9" // counts, horizon, name
                + " 07000000 02000000" // pages
                + " 0100000000000000 0101000000000000" // steps of time
                + " 01 02"); // kinds
  }

  @Test
  void theBytesOfAHistoryAreWhereThePageSays() throws DataFormatException {
    Profile run = new Profile(new int[] {7}, new long[] {1}, new Access[] {Access.READ}, 2, "");
    byte[] file = RunHistoryFile.encode(new RunHistory(List.of(run, run)));
    String body = "01000000 0200000000000000 0000 07000000 0100000000000000 01";
    assertThat(hex(file, "RKDLRUNS")).isEqualToIgnoringWhitespace("02000000" + body + body);
  }

  private static String hex(byte[] file, String magic) throws DataFormatException {
    byte[] body = Envelope.open(file, magic, 1, 1000).array();
    return HexFormat.of().formatHex(body);
  }
}
