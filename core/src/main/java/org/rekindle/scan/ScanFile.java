package org.rekindle.scan;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.zip.DataFormatException;
import org.rekindle.envelope.Envelope;
import org.rekindle.workingset.Sweeps;

/**
 * The file form of a {@link Scan}: an {@link Envelope} with magic {@code RKDLSCAN}, version 1. Its
 * body, little-endian:
 *
 * <pre>
 * offset bytes
 *  0      4    pages of the region
 *  4      4    pages that count as read together; 0: reads were not seen
 *  8      4    number of sweeps
 * 12      2    bytes of the region's name r, at most 255
 * 14      2    bytes of the backend's name b, at most 255
 * 16      r    the region's name, UTF-8
 *  -      b    the backend's name, UTF-8
 *  -      -    of each sweep: 8 bytes, when it was, ns since the scan began; 4 bytes, how many pages
 *              it found touched; 4 bytes for each of these, its number, ascending
 * </pre>
 */
public final class ScanFile {
  private static final String MAGIC = "RKDLSCAN";
  private static final int VERSION = 1;
  private static final int HEADER_BYTES = 16;
  private static final int SWEEP_BYTES = 12;
  private static final int MAX_NAME_BYTES = 255;

  /** A body is one array. */
  private static final int MAX_BODY_BYTES = 1 << 30;

  private ScanFile() {}

  /**
   * Encodes a scan.
   *
   * @throws IllegalArgumentException if a name has more than 255 bytes, or the sweeps found 2^28
   *     pages or more
   */
  public static byte[] encode(Scan scan) {
    byte[] region = name(scan.region());
    byte[] backend = name(scan.backend());
    Sweeps sweeps = scan.sweeps();
    long bytes = (long) HEADER_BYTES + region.length + backend.length;
    for (int i = 0; i < sweeps.size(); i++) {
      bytes += SWEEP_BYTES + 4L * sweeps.found(i);
    }
    if (bytes > MAX_BODY_BYTES) {
      throw new IllegalArgumentException(
          "%d sweeps take %d bytes; at most %d fit: scan for a shorter time"
              .formatted(sweeps.size(), bytes, MAX_BODY_BYTES));
    }
    ByteBuffer body = ByteBuffer.allocate((int) bytes).order(ByteOrder.LITTLE_ENDIAN);
    body.putInt(sweeps.memoryPages()).putInt(scan.readGranularityPages()).putInt(sweeps.size());
    body.putShort((short) region.length).putShort((short) backend.length);
    body.put(region).put(backend);
    for (int i = 0; i < sweeps.size(); i++) {
      int[] pages = sweeps.pages(i);
      body.putLong(sweeps.atNs(i)).putInt(pages.length);
      for (int page : pages) {
        body.putInt(page);
      }
    }
    return Envelope.seal(MAGIC, VERSION, body.array());
  }

  private static byte[] name(String name) {
    byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
    if (bytes.length > MAX_NAME_BYTES) {
      throw new IllegalArgumentException("a name in a scan is too long: " + name);
    }
    return bytes;
  }

  /**
   * Decodes a scan.
   *
   * @throws DataFormatException if it is damaged, or contradicts itself
   */
  public static Scan decode(byte[] file) throws DataFormatException {
    ByteBuffer body = Envelope.open(file, MAGIC, VERSION, MAX_BODY_BYTES);
    need(body, HEADER_BYTES);
    int memoryPages = body.getInt();
    int granularity = body.getInt();
    int count = body.getInt();
    int regionBytes = Short.toUnsignedInt(body.getShort());
    int backendBytes = Short.toUnsignedInt(body.getShort());
    if (memoryPages < 0 || granularity < 0 || count < 0) {
      throw new DataFormatException(
          "%d sweeps over %d pages in groups of %d".formatted(count, memoryPages, granularity));
    }
    need(body, (long) regionBytes + backendBytes);
    String region = name(body, regionBytes);
    String backend = name(body, backendBytes);
    Sweeps.Builder sweeps = Sweeps.of(memoryPages);
    for (int i = 0; i < count; i++) {
      takeSweep(body, i, memoryPages, sweeps);
    }
    if (body.hasRemaining()) {
      throw new DataFormatException(body.remaining() + " bytes behind the last sweep");
    }
    return new Scan(region, backend, granularity, sweeps.build());
  }

  private static String name(ByteBuffer body, int length) {
    byte[] bytes = new byte[length];
    body.get(bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private static void takeSweep(ByteBuffer body, int number, int memoryPages, Sweeps.Builder into)
      throws DataFormatException {
    need(body, SWEEP_BYTES);
    long atNs = body.getLong();
    int count = body.getInt();
    if (count < 0 || count > memoryPages) {
      throw new DataFormatException("sweep %d found %d pages".formatted(number, count));
    }
    need(body, 4L * count);
    BitSet pages = new BitSet();
    for (int i = 0; i < count; i++) {
      int page = body.getInt();
      if (page < pages.length() || page >= memoryPages) {
        throw new DataFormatException(
            "sweep %d found page %d of %d, out of order or outside"
                .formatted(number, page, memoryPages));
      }
      pages.set(page);
    }
    try {
      into.sweep(atNs, pages);
    } catch (IllegalArgumentException wrong) {
      throw new DataFormatException(wrong.getMessage());
    }
  }

  private static void need(ByteBuffer body, long bytes) throws DataFormatException {
    if (body.remaining() < bytes) {
      throw new DataFormatException(
          "%d bytes are left where %d are needed".formatted(body.remaining(), bytes));
    }
  }
}
