package org.rekindle.workingset;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.zip.DataFormatException;
import org.rekindle.envelope.Envelope;

/**
 * The file form of a {@link Profile}: an {@link Envelope} with magic {@code RKDLPROF}, version 1.
 * Its body, little-endian:
 *
 * <pre>
 * offset bytes
 *  0      4    number of pages n
 *  4      8    horizon, ns of guest time
 * 12      2    bytes of the source's name, at most 255
 * 14      -    the source's name, UTF-8
 *  -      4 n  page numbers, in order of first touch
 *  -      8 n  times of first touch, ns of guest time, not decreasing: each less the one before it
 *  -      n    kinds of first touch: 0 unknown, 1 read, 2 write
 * </pre>
 *
 * <p>Plain columns, since the envelope compresses. Varints would halve the file (62 instead of 140
 * KiB for a working set of 96 MiB), which is a thousandth of the hot store that is read with it:
 * not worth a decoder that meets every length of number.
 */
public final class ProfileFile {
  private static final String MAGIC = "RKDLPROF";
  private static final int VERSION = 1;
  private static final int HEADER_BYTES = 14;
  private static final int BYTES_PER_PAGE = 4 + 8 + 1;
  private static final int MAX_SOURCE_BYTES = 255;

  /** A body is one array: a profile of 128 Mi pages (512 GiB) is the longest that fits. */
  private static final int MAX_PAGES = 1 << 27;

  private ProfileFile() {}

  /**
   * Encodes a profile.
   *
   * @throws IllegalArgumentException if its source's name has more than 255 bytes or it has more
   *     than 2^27 pages
   */
  public static byte[] encode(Profile profile) {
    ByteBuffer body = ByteBuffer.allocate(bodyBytes(profile)).order(ByteOrder.LITTLE_ENDIAN);
    put(profile, body);
    return Envelope.seal(MAGIC, VERSION, body.array());
  }

  /** Bytes of a profile's body; throws as {@link #encode} does. */
  static int bodyBytes(Profile profile) {
    byte[] source = profile.source().getBytes(StandardCharsets.UTF_8);
    if (source.length > MAX_SOURCE_BYTES) {
      throw new IllegalArgumentException("source of a profile is too long: " + profile.source());
    }
    if (profile.size() > MAX_PAGES) {
      throw new IllegalArgumentException("a profile has at most 2^27 pages: " + profile.size());
    }
    return HEADER_BYTES + source.length + profile.size() * BYTES_PER_PAGE;
  }

  /** Appends a profile's body. */
  static void put(Profile profile, ByteBuffer body) {
    byte[] source = profile.source().getBytes(StandardCharsets.UTF_8);
    int pages = profile.size();
    body.putInt(pages).putLong(profile.horizonNs()).putShort((short) source.length).put(source);
    for (int i = 0; i < pages; i++) {
      body.putInt(profile.page(i));
    }
    for (int i = 0; i < pages; i++) {
      body.putLong(profile.touchNs(i) - (i == 0 ? 0 : profile.touchNs(i - 1)));
    }
    for (int i = 0; i < pages; i++) {
      body.put(code(profile.access(i)));
    }
  }

  /**
   * Decodes a profile.
   *
   * @param guestPages pages of the guest that it belongs to
   * @throws DataFormatException if it is damaged, or names a page that the guest does not have, or
   *     one page twice
   */
  public static Profile decode(byte[] file, int guestPages) throws DataFormatException {
    ByteBuffer body = Envelope.open(file, MAGIC, VERSION, maxBodyBytes(guestPages));
    Profile profile = take(body, guestPages);
    if (body.hasRemaining()) {
      throw new DataFormatException(body.remaining() + " bytes behind the last page");
    }
    return profile;
  }

  /** The longest body that a profile of such a guest has. */
  static long maxBodyBytes(int guestPages) {
    return HEADER_BYTES
        + MAX_SOURCE_BYTES
        + (long) Math.min(guestPages, MAX_PAGES) * BYTES_PER_PAGE;
  }

  /** Takes the next body of a profile out of a buffer. */
  static Profile take(ByteBuffer body, int guestPages) throws DataFormatException {
    if (body.remaining() < HEADER_BYTES) {
      throw new DataFormatException("body of " + body.remaining() + " bytes has no header");
    }
    int pages = body.getInt();
    long horizonNs = body.getLong();
    int sourceBytes = Short.toUnsignedInt(body.getShort());
    if (pages < 0
        || sourceBytes > MAX_SOURCE_BYTES
        || body.remaining() < sourceBytes + (long) pages * BYTES_PER_PAGE) {
      throw new DataFormatException(
          "%d pages and a source of %d bytes do not fit in the body of %d bytes"
              .formatted(pages, sourceBytes, body.limit()));
    }
    byte[] source = new byte[sourceBytes];
    body.get(source);
    return new Profile(
        pages(body, pages, guestPages),
        times(body, pages),
        kinds(body, pages),
        horizonNs,
        new String(source, StandardCharsets.UTF_8));
  }

  private static int[] pages(ByteBuffer body, int count, int guestPages)
      throws DataFormatException {
    int[] pages = new int[count];
    BitSet seen = new BitSet();
    for (int i = 0; i < count; i++) {
      int page = body.getInt();
      if (page < 0 || page >= guestPages) {
        throw new DataFormatException(
            "touch " + i + " is of page " + page + ", the guest has " + guestPages);
      }
      if (seen.get(page)) {
        throw new DataFormatException("touch " + i + " is of page " + page + " once more");
      }
      seen.set(page);
      pages[i] = page;
    }
    return pages;
  }

  private static long[] times(ByteBuffer body, int count) throws DataFormatException {
    long[] touchNs = new long[count];
    long now = 0;
    for (int i = 0; i < count; i++) {
      long step = body.getLong();
      now += step;
      if (i > 0 && (step < 0 || now < touchNs[i - 1])) {
        throw new DataFormatException("touch " + i + " is earlier than the one before it");
      }
      touchNs[i] = now;
    }
    return touchNs;
  }

  private static Access[] kinds(ByteBuffer body, int count) throws DataFormatException {
    Access[] access = new Access[count];
    for (int i = 0; i < count; i++) {
      byte code = body.get();
      access[i] =
          switch (code) {
            case 0 -> Access.UNKNOWN;
            case 1 -> Access.READ;
            case 2 -> Access.WRITE;
            default -> throw new DataFormatException("touch " + i + " is of kind " + code);
          };
    }
    return access;
  }

  private static byte code(Access access) {
    return switch (access) {
      case UNKNOWN -> 0;
      case READ -> 1;
      case WRITE -> 2;
    };
  }
}
