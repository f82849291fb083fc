package org.rekindle.guest.qemu;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/**
 * The CONFIGURATION section: what machine this is and how its stream is made.
 *
 * @param replayHex its subsections without the capabilities, in hexadecimal
 * @param mappedRam whether pages lie at fixed offsets of the file instead of in the stream
 */
record ConfigurationSection(String machineType, String replayHex, boolean mappedRam) {
  /** Two names exist; more than a few mean a damaged file. */
  private static final int MAX_CAPABILITIES = 64;

  private static final int TARGET_PAGE_BITS = 12;

  static ConfigurationSection read(StreamInput in) throws IOException {
    int type = in.u8("the configuration section");
    if (type != StreamFormat.CONFIGURATION) {
      throw in.unexpected(
          "a configuration section (0x07), as machine types since 2.4 have",
          "0x%02x".formatted(type));
    }
    String machineType = in.text(in.i32("the machine type"), "the machine type");
    ByteArrayOutputStream replay = new ByteArrayOutputStream();
    boolean mappedRam = false;
    while (in.peekU8("the configuration section") == StreamFormat.SUBSECTION) {
      in.advance(1);
      String name = in.name("the name of a subsection");
      int version = in.i32("the version of " + name);
      if (version != 1) {
        throw in.unexpected(name + " version 1", "version " + Integer.toUnsignedLong(version));
      }
      switch (name) {
        case "configuration/capabilities" -> mappedRam = capabilities(in);
        case "configuration/target-page-bits" -> {
          int bits = in.i32(name);
          if (bits != TARGET_PAGE_BITS) {
            throw in.unexpected("target pages of 2^12 bytes", "2^" + Integer.toUnsignedLong(bits));
          }
          subsection(replay, name, new byte[] {0, 0, 0, TARGET_PAGE_BITS});
        }
        case "configuration/uuid" -> subsection(replay, name, in.bytes(16, name));
        default -> throw in.failure("unknown subsection " + name + " of the configuration");
      }
      if (replay.size() > 1024) {
        throw in.failure("the configuration repeats its subsections");
      }
    }
    return new ConfigurationSection(
        machineType, HexFormat.of().formatHex(replay.toByteArray()), mappedRam);
  }

  private static boolean capabilities(StreamInput in) throws IOException {
    int count = in.i32("the capabilities");
    if (count < 0 || count > MAX_CAPABILITIES) {
      throw in.unexpected(
          "at most " + MAX_CAPABILITIES + " capabilities", "" + Integer.toUnsignedLong(count));
    }
    boolean mappedRam = false;
    for (int i = 0; i < count; i++) {
      String capability = in.name("a capability");
      if (capability.equals("x-ignore-shared")) {
        throw in.failure(
            "saved with the capability x-ignore-shared: shared memory is not in this stream");
      }
      if (!capability.equals("mapped-ram")) {
        throw in.failure("saved with a capability unknown to us: " + capability);
      }
      mappedRam = true;
    }
    return mappedRam;
  }

  private static void subsection(ByteArrayOutputStream replay, String name, byte[] data)
      throws IOException {
    DataOutputStream out = new DataOutputStream(replay);
    out.writeByte(StreamFormat.SUBSECTION);
    out.writeByte(name.length());
    out.write(name.getBytes(StandardCharsets.US_ASCII));
    out.writeInt(1);
    out.write(data);
  }
}
