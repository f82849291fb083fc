package org.rekindle.image;

/**
 * One contiguous piece of guest memory, such as QEMU's RAM block {@code pc.ram}.
 *
 * @param name the VMM's own name of it
 * @param bytes its length; a multiple of {@link MemoryMap#PAGE_BYTES}
 * @param hostPageBytes size of the host pages that back it: what must be placed in one piece (4096,
 *     or 2 MiB)
 */
public record Region(String name, long bytes, int hostPageBytes) {
  public Region {
    if (name.isEmpty() || name.length() > 255) {
      throw new IllegalArgumentException(
          "region name must have 1 to 255 characters: " + name.length());
    }
    if (bytes <= 0 || bytes % MemoryMap.PAGE_BYTES != 0) {
      throw new IllegalArgumentException(
          "region " + name + ": " + bytes + " bytes is not a positive multiple of 4096");
    }
    if (hostPageBytes < MemoryMap.PAGE_BYTES
        || Integer.bitCount(hostPageBytes) != 1
        || bytes % hostPageBytes != 0) {
      throw new IllegalArgumentException(
          "region " + name + ": host page of " + hostPageBytes + " bytes does not fit");
    }
  }

  /** Number of 4 KiB pages. */
  public int pages() {
    return Math.toIntExact(bytes / MemoryMap.PAGE_BYTES);
  }
}
