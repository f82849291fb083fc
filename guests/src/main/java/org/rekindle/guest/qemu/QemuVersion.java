package org.rekindle.guest.qemu;

import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rekindle.json.Members;

/**
 * A version of QEMU, as its monitor's greeting and {@code query-version} tell it.
 *
 * @param vendor the distributor's words, such as {@code "Debian 1:7.2+dfsg-7"}; may be empty
 */
public record QemuVersion(int major, int minor, int micro, String vendor) {
  /**
   * From the object with the members {@code qemu} and {@code package}.
   *
   * @throws IllegalArgumentException if a member is missing or of another type
   */
  static QemuVersion from(Map<String, @Nullable Object> version) {
    Map<String, @Nullable Object> numbers = Members.object(version, "qemu");
    return new QemuVersion(
        (int) Members.integer(numbers, "major"),
        (int) Members.integer(numbers, "minor"),
        (int) Members.integer(numbers, "micro"),
        version.get("package") instanceof String vendor ? vendor.strip() : "");
  }

  /** Whether this version is {@code major.minor} or later. */
  public boolean isAtLeast(int wantedMajor, int wantedMinor) {
    return major > wantedMajor || (major == wantedMajor && minor >= wantedMinor);
  }

  /** Such as {@code "7.2.22 (Debian 1:7.2+dfsg-7)"}. */
  @Override
  public String toString() {
    String numbers = major + "." + minor + "." + micro;
    if (vendor.isEmpty()) {
      return numbers;
    }
    return numbers + (vendor.startsWith("(") ? " " + vendor : " (" + vendor + ")");
  }
}
