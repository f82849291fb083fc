package org.rekindle.envelope;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;
import java.util.zip.DataFormatException;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.Inflater;

/**
 * Wraps the body of a small metadata file. All numbers are little-endian.
 *
 * <pre>
 * offset bytes
 *  0      8    magic: ASCII, names the kind of file
 *  8      4    version of that kind
 * 12      4    CRC32C of everything from offset 16 to the end of the file
 * 16      4    bytes of the body
 * 20      4    bytes of the zlib stream
 * 24      -    the body as one zlib stream (RFC 1950), which ends the file
 * </pre>
 *
 * <p>The checksum covers the lengths as well, so that an accident is never taken for a length; the
 * limit that the caller gives holds against malice.
 */
public final class Envelope {
  private static final int MAGIC_BYTES = 8;
  private static final int CHECKED_FROM = 16;
  private static final int HEADER_BYTES = 24;

  /**
   * A body this many times longer than its stream is refused, so that a small file cannot make us
   * allocate much. The most regular index and profile that there can be reach 5.
   */
  private static final int MAX_RATIO = 256;

  private Envelope() {}

  /**
   * Wraps a body.
   *
   * @param magic eight ASCII characters
   */
  public static byte[] seal(String magic, int version, byte[] body) {
    byte[] kind = ascii(magic);
    byte[] stream = deflate(body);
    byte[] file = new byte[HEADER_BYTES + stream.length];
    ByteBuffer.wrap(file)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put(kind)
        .putInt(version)
        .putInt(0)
        .putInt(body.length)
        .putInt(stream.length)
        .put(stream);
    ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putInt(12, checksum(file));
    return file;
  }

  /**
   * The JDK's codec and not zstd: to link that library takes 100 to 200 ms of start-up, and every
   * restore begins with an index.
   */
  private static byte[] deflate(byte[] body) {
    ByteArrayOutputStream stream = new ByteArrayOutputStream();
    try (DeflaterOutputStream out = new DeflaterOutputStream(stream)) {
      out.write(body);
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible);
    }
    return stream.toByteArray();
  }

  /**
   * Unwraps a file.
   *
   * @param version the newest version that the caller reads
   * @param maxBodyBytes a longer body is refused before anything is allocated for it
   * @return the body, little-endian
   * @throws DataFormatException if the file is damaged, of another kind or of a newer version; the
   *     message names the offset
   */
  public static ByteBuffer open(byte[] file, String magic, int version, long maxBodyBytes)
      throws DataFormatException {
    if (file.length < HEADER_BYTES) {
      throw new DataFormatException(
          "ends at offset " + file.length + ", expected a header of " + HEADER_BYTES + " bytes");
    }
    ByteBuffer header = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    byte[] kind = ascii(magic);
    for (int i = 0; i < MAGIC_BYTES; i++) {
      if (file[i] != kind[i]) {
        throw new DataFormatException("does not start with " + magic + " at offset 0");
      }
    }
    int found = header.getInt(8);
    if (found != version) {
      throw new DataFormatException(
          "version " + Integer.toUnsignedString(found) + " at offset 8, expected " + version);
    }
    int expectedCrc = header.getInt(12);
    if (checksum(file) != expectedCrc) {
      throw new DataFormatException(
          "checksum at offset 12 is %08x, but the content has %08x"
              .formatted(expectedCrc, checksum(file)));
    }
    int bodyBytes = header.getInt(16);
    if (bodyBytes < 0 || bodyBytes > maxBodyBytes) {
      throw new DataFormatException(
          "body of "
              + Integer.toUnsignedString(bodyBytes)
              + " bytes at offset 16, at most "
              + maxBodyBytes
              + " are possible here");
    }
    int streamBytes = header.getInt(20);
    if (streamBytes != file.length - HEADER_BYTES) {
      throw new DataFormatException(
          "stream of "
              + Integer.toUnsignedString(streamBytes)
              + " bytes at offset 20, expected "
              + (file.length - HEADER_BYTES));
    }
    if (bodyBytes > (long) streamBytes * MAX_RATIO) {
      throw new DataFormatException(
          "body of %d bytes at offset 16 cannot be in a stream of %d bytes"
              .formatted(bodyBytes, streamBytes));
    }
    return inflate(file, streamBytes, bodyBytes);
  }

  private static ByteBuffer inflate(byte[] file, int streamBytes, int bodyBytes)
      throws DataFormatException {
    byte[] body = new byte[bodyBytes];
    Inflater inflater = new Inflater();
    try {
      inflater.setInput(file, HEADER_BYTES, streamBytes);
      int decoded = 0;
      while (decoded < bodyBytes) {
        int more = inflater.inflate(body, decoded, bodyBytes - decoded);
        if (more == 0) {
          break; // the stream has ended, or goes on in a file that does not
        }
        decoded += more;
      }
      boolean more = inflater.inflate(new byte[1]) > 0;
      if (decoded < bodyBytes || more || !inflater.finished() || inflater.getRemaining() > 0) {
        throw new DataFormatException("it is not the %d bytes of the body".formatted(bodyBytes));
      }
      return ByteBuffer.wrap(body).order(ByteOrder.LITTLE_ENDIAN);
    } catch (DataFormatException damaged) {
      DataFormatException e =
          new DataFormatException("stream at offset 24: " + damaged.getMessage());
      e.initCause(damaged);
      throw e;
    } finally {
      inflater.end();
    }
  }

  private static int checksum(byte[] file) {
    CRC32C crc = new CRC32C();
    crc.update(file, CHECKED_FROM, file.length - CHECKED_FROM);
    return (int) crc.getValue();
  }

  private static byte[] ascii(String magic) {
    byte[] bytes = magic.getBytes(StandardCharsets.US_ASCII);
    if (bytes.length != MAGIC_BYTES) {
      throw new IllegalArgumentException("a magic has eight characters: " + magic);
    }
    return bytes;
  }
}
