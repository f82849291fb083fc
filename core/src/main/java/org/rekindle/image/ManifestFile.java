package org.rekindle.image;

import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import java.util.zip.DataFormatException;
import org.jspecify.annotations.Nullable;
import org.rekindle.json.Json;

/**
 * The manifest as JSON text.
 *
 * <pre>
 * {
 *   "manifestCrc32c" : "1a2b3c4d",    of the whole file, with these eight digits taken as 00000000
 *   "format" : "rekindle-image",
 *   "version" : 1,
 *   "guestKind" : "qemu",
 *   "created" : "2026-01-31T12:00:00Z",
 *   "regions" : [ { "name" : "pc.ram", "bytes" : 1073741824, "hostPageBytes" : 4096 } ],
 *   "guest" : { },                    what the adapter of this kind of guest has to know
 *   "parent" : null,                  reserved: an image that holds only differences
 *   "generation" : 1,
 *   "deviceState" : { "file", "bytes", "crc32c" },
 *   "base" : { "pageFile", "pageFileBytes", "index" : { "file", "bytes", "crc32c" },
 *              "codec", "blockPages", "blocks", "slots", "pages" },
 *   "hot" : null, or as "base",
 *   "profile" : null, or as "deviceState",
 *   "runs" : null, or as "deviceState"
 * }
 * </pre>
 *
 * <p>Fields that this version does not know are ignored; a newer version is refused.
 */
final class ManifestFile {
  static final String FORMAT = "rekindle-image";
  static final int VERSION = 1;

  /** A manifest has about 2 KiB; a longer file than this is not read. */
  static final int MAX_BYTES = 16 << 20;

  private static final String CRC = "manifestCrc32c";
  private static final String NO_CRC = "00000000";

  /** Plain names only: a manifest from elsewhere must not reach out of its directory. */
  private static final Pattern FILE_NAME = Pattern.compile("[a-z0-9][a-z0-9.-]{0,63}");

  private static final Pattern HEX = Pattern.compile("[0-9a-fA-F]{8}");

  private ManifestFile() {}

  static byte[] encode(ImageFiles image) {
    Manifest manifest = image.manifest();
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put(CRC, NO_CRC);
    json.put("format", FORMAT);
    json.put("version", VERSION);
    json.put("guestKind", manifest.guestKind());
    json.put("created", manifest.created());
    List<Object> regions = new ArrayList<>();
    for (Region region : manifest.memory().regions()) {
      Map<String, Object> fields = new LinkedHashMap<>();
      fields.put("name", region.name());
      fields.put("bytes", region.bytes());
      fields.put("hostPageBytes", region.hostPageBytes());
      regions.add(fields);
    }
    json.put("regions", regions);
    json.put("guest", manifest.guest());
    json.put("parent", null);
    json.put("generation", image.generation());
    json.put("deviceState", blob(image.deviceState()));
    json.put("base", store(image.base()));
    json.put("hot", image.hot() == null ? null : store(image.hot()));
    json.put("profile", image.profile() == null ? null : blob(image.profile()));
    json.put("runs", image.runs() == null ? null : blob(image.runs()));
    byte[] text = (Json.pretty(json) + "\n").getBytes(StandardCharsets.UTF_8);
    int at = crcAt(text);
    byte[] digits = hex(crcWithout(text, at)).getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(digits, 0, text, at, digits.length);
    return text;
  }

  private static Map<String, Object> blob(ImageFiles.Blob blob) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("file", blob.name());
    fields.put("bytes", blob.bytes());
    fields.put("crc32c", hex(blob.crc32c()));
    return fields;
  }

  private static Map<String, Object> store(ImageFiles.Store store) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("pageFile", store.pageFile());
    fields.put("pageFileBytes", store.pageFileBytes());
    fields.put("index", blob(store.index()));
    fields.put("codec", store.codec().name().toLowerCase(Locale.ROOT));
    fields.put("blockPages", store.blockPages());
    fields.put("blocks", store.blocks());
    fields.put("slots", store.slots());
    fields.put("pages", store.pages());
    return fields;
  }

  /**
   * Decodes a manifest.
   *
   * @throws DataFormatException if it is damaged, is something else, or of a newer version
   */
  static ImageFiles decode(byte[] text) throws DataFormatException {
    try {
      Fields json = new Fields("", Json.parseObject(new String(text, StandardCharsets.UTF_8)));
      String format = json.string("format");
      if (!format.equals(FORMAT)) {
        throw new DataFormatException("format is " + format + ", expected " + FORMAT);
      }
      long version = json.number("version", 0, Long.MAX_VALUE);
      if (version != VERSION) {
        throw new DataFormatException(
            "version " + version + " of the image format, this program reads " + VERSION);
      }
      checkCrc(json, text);
      if (json.has("parent")) {
        throw new DataFormatException("the image has a parent, which this program cannot read");
      }
      List<Region> regions = new ArrayList<>();
      for (Fields region : json.list("regions")) {
        regions.add(
            new Region(
                region.string("name"),
                region.number("bytes", 1, Long.MAX_VALUE),
                (int) region.number("hostPageBytes", 1, Integer.MAX_VALUE)));
      }
      MemoryMap memory = new MemoryMap(regions);
      ImageFiles.checkSize(memory);
      Manifest manifest =
          new Manifest(
              json.string("guestKind"),
              Instant.parse(json.string("created")),
              memory,
              json.object("guest").withoutNulls());
      return new ImageFiles(
          manifest,
          (int) json.number("generation", 0, Integer.MAX_VALUE - 1),
          blob(json.object("deviceState")),
          store(json.object("base")),
          json.has("hot") ? store(json.object("hot")) : null,
          json.has("profile") ? blob(json.object("profile")) : null,
          json.has("runs") ? blob(json.object("runs")) : null);
    } catch (IllegalArgumentException | DateTimeException | ArithmeticException refused) {
      DataFormatException e = new DataFormatException(refused.getMessage());
      e.initCause(refused);
      throw e;
    }
  }

  private static void checkCrc(Fields json, byte[] text) throws DataFormatException {
    int expected = json.hex(CRC);
    int found = crcWithout(text, crcAt(text));
    if (found != expected) {
      throw new DataFormatException(
          "checksum " + hex(expected) + " expected, " + hex(found) + " found");
    }
  }

  /** Where the digits of the checksum start: the value of the first field with that name. */
  private static int crcAt(byte[] text) {
    // Bytes as Latin-1 characters, so that positions agree.
    String latin = new String(text, StandardCharsets.ISO_8859_1);
    int name = latin.indexOf('"' + CRC + '"');
    int at = name < 0 ? -1 : latin.indexOf('"', name + CRC.length() + 2) + 1;
    if (at <= 0 || at + NO_CRC.length() > text.length) {
      throw new IllegalArgumentException("no " + CRC);
    }
    return at;
  }

  private static int crcWithout(byte[] text, int at) {
    CRC32C crc = new CRC32C();
    crc.update(text, 0, at);
    crc.update(NO_CRC.getBytes(StandardCharsets.US_ASCII));
    crc.update(text, at + NO_CRC.length(), text.length - at - NO_CRC.length());
    return (int) crc.getValue();
  }

  private static ImageFiles.Blob blob(Fields json) throws DataFormatException {
    return new ImageFiles.Blob(
        json.fileName("file"), json.number("bytes", 0, Long.MAX_VALUE), json.hex("crc32c"));
  }

  private static ImageFiles.Store store(Fields json) throws DataFormatException {
    return new ImageFiles.Store(
        json.fileName("pageFile"),
        json.number("pageFileBytes", 0, Long.MAX_VALUE),
        blob(json.object("index")),
        Codec.valueOf(json.string("codec").toUpperCase(Locale.ROOT)),
        (int) json.number("blockPages", 1, 256),
        (int) json.number("blocks", 0, Integer.MAX_VALUE),
        (int) json.number("slots", 0, Integer.MAX_VALUE),
        (int) json.number("pages", 0, Integer.MAX_VALUE));
  }

  private static String hex(int crc) {
    return "%08x".formatted(crc);
  }

  /** The members of one JSON object, each of the type that is asked for or refused by name. */
  private record Fields(String path, Map<?, ?> members) {
    boolean has(String name) {
      return members.get(name) != null;
    }

    String string(String name) throws DataFormatException {
      if (members.get(name) instanceof String text) {
        return text;
      }
      throw refused(name, "a string");
    }

    long number(String name, long min, long max) throws DataFormatException {
      if (members.get(name) instanceof Long number && number >= min && number <= max) {
        return number;
      }
      throw refused(name, "a number from " + min + " to " + max);
    }

    int hex(String name) throws DataFormatException {
      String digits = string(name);
      if (!HEX.matcher(digits).matches()) {
        throw refused(name, "eight hexadecimal digits");
      }
      return Integer.parseUnsignedInt(digits, 16);
    }

    String fileName(String name) throws DataFormatException {
      String file = string(name);
      if (!FILE_NAME.matcher(file).matches()) {
        throw refused(name, "a plain file name");
      }
      return file;
    }

    Fields object(String name) throws DataFormatException {
      if (members.get(name) instanceof Map<?, ?> map) {
        return new Fields(path + name + ".", map);
      }
      throw refused(name, "an object");
    }

    List<Fields> list(String name) throws DataFormatException {
      if (!(members.get(name) instanceof List<?> list)) {
        throw refused(name, "a list");
      }
      List<Fields> elements = new ArrayList<>();
      for (Object element : list) {
        if (!(element instanceof Map<?, ?> map)) {
          throw refused(name, "a list of objects");
        }
        elements.add(new Fields(path + name + ".", map));
      }
      return elements;
    }

    Map<String, Object> withoutNulls() {
      Map<String, Object> map = new LinkedHashMap<>();
      members.forEach((name, value) -> {
        if (value != null) {
          map.put(String.valueOf(name), value);
        }
      });
      return map;
    }

    private DataFormatException refused(String name, String expected) {
      return new DataFormatException(
          path + name + ": expected " + expected + ", found " + members.get(name));
    }
  }
}
