package org.rekindle.image;

import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.zip.CRC32C;
import net.jpountz.lz4.LZ4Exception;
import net.jpountz.lz4.LZ4SafeDecompressor;
import org.jspecify.annotations.Nullable;

/**
 * Checks and decodes blocks of one store for one thread.
 *
 * <p>The checksum is looked at before the codec sees a byte: a damaged block is named as such, and
 * neither codec is asked to be robust against anything but a deliberately made file.
 */
final class BlockDecoder implements PageStore.Decoder {
  private final FileStore store;
  private final CRC32C crc = new CRC32C();
  private final BufferViews views = new BufferViews();
  private final LZ4SafeDecompressor lz4 = Lz4.decompressor();

  /** Only if there is something for it: to link the library takes 100 to 200 ms of start-up. */
  private final @Nullable ZstdDecompressCtx zstd;

  BlockDecoder(FileStore store) {
    this.store = store;
    this.zstd = store.hasZstd() ? new ZstdDecompressCtx() : null;
  }

  @Override
  public void decode(
      int block, MemorySegment stored, long storedOffset, MemorySegment raw, long rawOffset)
      throws CorruptImageException {
    int storedBytes = store.storedBytes(block);
    int rawBytes = store.slots(block) * MemoryMap.PAGE_BYTES;
    ByteBuffer from = views.of(stored, storedOffset, storedBytes);
    ByteBuffer into = views.of(raw, rawOffset, rawBytes);
    int fromAt = (int) storedOffset;
    int intoAt = (int) rawOffset;

    from.limit(fromAt + storedBytes).position(fromAt);
    crc.reset();
    crc.update(from);
    from.clear();
    if ((int) crc.getValue() != store.crc32c(block)) {
      throw damaged(
          block,
          "checksum %08x expected, %08x found".formatted(store.crc32c(block), (int) crc.getValue()),
          null);
    }

    int decoded;
    try {
      // SAFETY: views.of has checked that both segments are alive and hold these ranges; the codecs
      // are given the exact lengths and write nothing beyond them.
      decoded =
          switch (store.codec(block)) {
            case RAW -> {
              if (stored.address() + storedOffset != raw.address() + rawOffset) {
                MemorySegment.copy(stored, storedOffset, raw, rawOffset, rawBytes);
              }
              yield rawBytes;
            }
            case LZ4 -> lz4.decompress(from, fromAt, storedBytes, into, intoAt, rawBytes);
            case ZSTD ->
                Objects.requireNonNull(zstd)
                    .decompressDirectByteBuffer(into, intoAt, rawBytes, from, fromAt, storedBytes);
          };
    } catch (LZ4Exception | ZstdException malformed) {
      throw damaged(block, String.valueOf(malformed.getMessage()), malformed);
    }
    if (decoded != rawBytes) {
      throw damaged(block, rawBytes + " bytes expected, it decodes to " + decoded, null);
    }
  }

  private CorruptImageException damaged(int block, String what, @Nullable Throwable cause) {
    return new CorruptImageException(
        "%s: block %d at offset %d (%d bytes, %s) is damaged: %s"
            .formatted(
                store.file(),
                block,
                store.offset(block),
                store.storedBytes(block),
                store.codec(block),
                what),
        cause);
  }

  @Override
  public void close() {
    if (zstd != null) {
      zstd.close();
    }
  }
}
