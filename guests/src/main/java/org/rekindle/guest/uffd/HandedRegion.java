package org.rekindle.guest.uffd;

/**
 * A piece of guest memory, as a VMM hands it over.
 *
 * @param address where it lies in the VMM
 * @param bytes its length
 * @param offset where its content lies in the memory file: the length of all regions before it
 * @param pageBytes of the pages that it is made of: 4096, or 2 MiB
 */
public record HandedRegion(long address, long bytes, long offset, int pageBytes) {
  /** The first address behind it. */
  long end() {
    return address + bytes;
  }
}
