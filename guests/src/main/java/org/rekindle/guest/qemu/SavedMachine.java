package org.rekindle.guest.qemu;

import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rekindle.json.Members;

/**
 * What the restoring side must know of a saved QEMU machine, apart from its memory and device
 * state.
 *
 * @param machineType as the stream's configuration section names it, such as {@code "pc-q35-7.2"}
 * @param configurationHex the subsections of that section to replay, byte for byte in hexadecimal:
 *     all but {@code configuration/capabilities}, which speaks of how the image was made
 * @param ramSectionId the stream's section id of {@code ram}: no section of the device state has
 *     it, so it can be used again
 * @param qemuVersion the version that saved it, or an empty text where the file does not tell
 * @param wasRunning whether the guest ran when it was saved
 */
public record SavedMachine(
    String machineType,
    String configurationHex,
    int ramSectionId,
    String qemuVersion,
    boolean wasRunning) {
  private static final int MAX_CONFIGURATION_BYTES = 4096;

  public SavedMachine {
    if (machineType.isEmpty() || machineType.length() > StreamFormat.MAX_MACHINE_TYPE_BYTES) {
      throw new IllegalArgumentException(
          "a machine type has 1 to "
              + StreamFormat.MAX_MACHINE_TYPE_BYTES
              + " characters, not "
              + machineType.length());
    }
    if (configurationHex.length() > 2 * MAX_CONFIGURATION_BYTES) {
      throw new IllegalArgumentException(
          "configuration of " + configurationHex.length() + " digits is too long");
    }
    HexFormat.of().parseHex(configurationHex);
  }

  /** The bytes of {@link #configurationHex}. */
  public byte[] configuration() {
    return HexFormat.of().parseHex(configurationHex);
  }

  /** As it stands in {@link org.rekindle.image.Manifest#guest}. */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("machineType", machineType);
    map.put("configuration", configurationHex);
    map.put("ramSectionId", (long) ramSectionId);
    map.put("qemuVersion", qemuVersion);
    map.put("wasRunning", wasRunning);
    return map;
  }

  /**
   * Reads what {@link #toMap} wrote.
   *
   * @throws IllegalArgumentException if a member is missing, of another type or out of range
   */
  public static SavedMachine fromMap(Map<String, ? extends @Nullable Object> map) {
    Map<String, @Nullable Object> members = new LinkedHashMap<>(map);
    long ramSectionId = Members.integer(members, "ramSectionId");
    if (ramSectionId != (int) ramSectionId) {
      throw new IllegalArgumentException("\"ramSectionId\" is out of range: " + ramSectionId);
    }
    return new SavedMachine(
        Members.text(members, "machineType"),
        Members.text(members, "configuration"),
        (int) ramSectionId,
        Members.text(members, "qemuVersion"),
        Members.bool(members, "wasRunning"));
  }
}
