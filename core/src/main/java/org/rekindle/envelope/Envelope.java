package org.rekindle.envelope;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdCompressCtx;
import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;
import java.util.zip.DataFormatException;

/**
 * Wraps the body of a small metadata file. All numbers are little-endian.
 *
 * <pre>
 * offset bytes
 *  0      8    magic: ASCII, names the kind of file
 *  8      4    version of that kind
 * 12      4    CRC32C of everything from offset 16 to the end of the file
 * 16      4    bytes of the body
 * 20      4    bytes of the zstd frame
 * 24      -    the body as one zstd frame, which ends the file
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
   * The library's usual level. Level 9 saves another 1 % of the index of a 1 GiB guest (254 KB) and
   * 5 % of a profile.
   */
  private static final int LEVEL = 3;

  /**
   * A body this many times longer than its frame is refused, so that a small file cannot make us
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
    try (Arena arena = Arena.ofConfined();
        ZstdCompressCtx zstd = new ZstdCompressCtx()) {
      int bound = Math.toIntExact(Zstd.compressBound(body.length));
      // SAFETY: both buffers live until the end of this block and the call below is given their
      // sizes. Direct buffers, because zstd-jni pins arrays, which would hold up a collection.
      ByteBuffer raw = nativeCopy(arena, body, 0, body.length);
      ByteBuffer frame = arena.allocate(bound).asByteBuffer();
      int frameBytes =
          zstd.setLevel(LEVEL).compressDirectByteBuffer(frame, 0, bound, raw, 0, body.length);
      byte[] file = new byte[HEADER_BYTES + frameBytes];
      ByteBuffer.wrap(file)
          .order(ByteOrder.LITTLE_ENDIAN)
          .put(kind)
          .putInt(version)
          .putInt(0)
          .putInt(body.length)
          .putInt(frameBytes)
          .put(frame.limit(frameBytes));
      ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putInt(12, checksum(file));
      return file;
    }
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
    int frameBytes = header.getInt(20);
    if (frameBytes != file.length - HEADER_BYTES) {
      throw new DataFormatException(
          "frame of "
              + Integer.toUnsignedString(frameBytes)
              + " bytes at offset 20, expected "
              + (file.length - HEADER_BYTES));
    }
    if (bodyBytes > (long) frameBytes * MAX_RATIO) {
      throw new DataFormatException(
          "body of %d bytes at offset 16 cannot be in a frame of %d bytes"
              .formatted(bodyBytes, frameBytes));
    }
    return decompress(file, frameBytes, bodyBytes);
  }

  private static ByteBuffer decompress(byte[] file, int frameBytes, int bodyBytes)
      throws DataFormatException {
    try (Arena arena = Arena.ofConfined();
        ZstdDecompressCtx zstd = new ZstdDecompressCtx()) {
      // SAFETY: both buffers live until the end of this block; the call is given their sizes and
      // writes no more than bodyBytes. (One byte more, as an empty allocation has no address.)
      ByteBuffer frame = nativeCopy(arena, file, HEADER_BYTES, frameBytes);
      ByteBuffer raw = arena.allocate(bodyBytes + 1L).asByteBuffer();
      int decoded = zstd.decompressDirectByteBuffer(raw, 0, bodyBytes, frame, 0, frameBytes);
      if (decoded != bodyBytes) {
        throw new DataFormatException(
            "frame at offset 24 decodes to " + decoded + " bytes, expected " + bodyBytes);
      }
      byte[] body = new byte[bodyBytes];
      raw.get(0, body);
      return ByteBuffer.wrap(body).order(ByteOrder.LITTLE_ENDIAN);
    } catch (ZstdException damaged) {
      DataFormatException e =
          new DataFormatException("frame at offset 24: " + damaged.getMessage());
      e.initCause(damaged);
      throw e;
    }
  }

  private static ByteBuffer nativeCopy(Arena arena, byte[] from, int offset, int bytes) {
    MemorySegment copy = arena.allocate(bytes + 1L);
    MemorySegment.copy(MemorySegment.ofArray(from), offset, copy, 0, bytes);
    return copy.asByteBuffer();
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
