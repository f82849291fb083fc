package org.rekindle.guest.qemu;

import java.io.IOException;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;

/**
 * A memory block of a mapped-ram file: a bitmap of the pages that are there, and a place for each.
 *
 * @param bitmapOffset of 64-bit little-endian words, one bit for each page
 * @param pagesOffset of the block's first page
 */
record MappedBlock(Region region, long bitmapOffset, long pagesOffset) {
  private static final int PAGE_BYTES = MemoryMap.PAGE_BYTES;

  /** Reads the header, and leaves the stream where it goes on behind the block's pages. */
  static MappedBlock read(StreamInput in, Region region) throws IOException {
    int version = in.i32("a mapped-ram header");
    if (version != 1) {
      throw in.unexpected("mapped-ram version 1", "version " + Integer.toUnsignedLong(version));
    }
    long pageBytes = in.u64("a mapped-ram header");
    if (pageBytes != PAGE_BYTES) {
      throw in.unexpected("pages of 4096 bytes", Long.toUnsignedString(pageBytes));
    }
    long bitmapOffset = in.u64("a mapped-ram header");
    long pagesOffset = in.u64("a mapped-ram header");
    long bitmapBytes = words(region) * 8L;
    if (bitmapOffset < in.offset() || bitmapOffset > Long.MAX_VALUE / 2) {
      throw in.unexpected(
          "a bitmap behind offset " + in.offset(), "offset " + Long.toUnsignedString(bitmapOffset));
    }
    if (pagesOffset < bitmapOffset + bitmapBytes || pagesOffset > Long.MAX_VALUE / 2) {
      throw in.unexpected(
          "pages behind offset " + (bitmapOffset + bitmapBytes),
          "offset " + Long.toUnsignedString(pagesOffset));
    }
    in.seek(pagesOffset + region.bytes());
    return new MappedBlock(region, bitmapOffset, pagesOffset);
  }

  private static int words(Region region) {
    return Math.ceilDiv(region.pages(), Long.SIZE);
  }

  /** Hands on the pages that the bitmap names; all others are zero. */
  void pages(StreamInput in, StreamSink sink, int firstPage) throws IOException {
    long[] bitmap = new long[words(region)];
    in.seek(bitmapOffset);
    for (int i = 0; i < bitmap.length; i++) {
      bitmap[i] = Long.reverseBytes(in.u64("the bitmap of " + region.name()));
    }
    for (int i = 0; i < bitmap.length; i++) {
      for (long left = bitmap[i]; left != 0; left &= left - 1) {
        int gpn = i * Long.SIZE + Long.numberOfTrailingZeros(left);
        if (gpn >= region.pages()) {
          throw in.failure("the bitmap of " + region.name() + " has a bit beyond its last page");
        }
        in.seek(pagesOffset + (long) gpn * PAGE_BYTES);
        in.need(PAGE_BYTES, "a page");
        sink.page(firstPage + gpn, in.memory(), in.index());
      }
    }
  }
}
