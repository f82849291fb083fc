package org.rekindle.guest.firecracker;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rekindle.json.Members;

/**
 * What an image says of a saved microVM, apart from its memory and its state file. Each is empty
 * where nothing told it.
 *
 * @param architecture {@code "x86_64"} or {@code "aarch64"}
 * @param stateVersion version of the state file's format
 * @param vmmVersion the Firecracker that saved it
 */
public record SavedMicrovm(String architecture, String stateVersion, String vmmVersion) {
  /** Which images this describes: see {@link org.rekindle.image.Manifest#guestKind}. */
  public static final String GUEST_KIND = "firecracker";

  /** The one region of such an image: guest memory as it lies in a memory file. */
  public static final String REGION = "mem0";

  /** As it stands in {@link org.rekindle.image.Manifest#guest}. */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("architecture", architecture);
    map.put("stateVersion", stateVersion);
    map.put("vmmVersion", vmmVersion);
    return map;
  }

  /**
   * Reads what {@link #toMap} wrote.
   *
   * @throws IllegalArgumentException if a member is missing or of another type
   */
  public static SavedMicrovm fromMap(Map<String, ? extends @Nullable Object> map) {
    Map<String, @Nullable Object> members = new LinkedHashMap<>(map);
    return new SavedMicrovm(
        Members.text(members, "architecture"),
        Members.text(members, "stateVersion"),
        Members.text(members, "vmmVersion"));
  }
}
