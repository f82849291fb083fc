package org.rekindle.image;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdCompressCtx;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.zip.CRC32C;
import net.jpountz.lz4.LZ4Compressor;
import org.jspecify.annotations.Nullable;

/** Compresses pages into blocks; owns the codec contexts of one thread. */
final class BlockEncoder implements AutoCloseable {
  /**
   * A compressed block must be shorter than this share of its pages, or it is stored as it is:
   * below 5 % the bytes saved cost less, even on the slowest disk, than the decoding that they
   * need.
   */
  private static final double WORTHWHILE = 0.95;

  /** Fast, and nearly all of the gain: pages are structured at the scale of words. */
  private static final int ZSTD_LEVEL = 1;

  private final Codec codec;
  private final int blockPages;
  private final Arena arena =
      Arena.ofShared(); // closed by another thread than the one that uses it
  private final ByteBuffer output;
  private final LZ4Compressor lz4 = Lz4.compressor();

  /** Only if asked for: to link the library takes 100 to 200 ms of start-up. */
  private final @Nullable ZstdCompressCtx zstd;

  private final CRC32C crc = new CRC32C();
  private final BlockTable table;

  /**
   * @param maxPages the most pages that one call of {@link #encode} gets
   */
  BlockEncoder(ImageWriter.Options options, int maxPages) {
    codec = options.codec();
    blockPages = options.blockPages();
    int blocks = (maxPages + blockPages - 1) / blockPages;
    output =
        arena.allocate((long) blocks * bound(blockPages * MemoryMap.PAGE_BYTES)).asByteBuffer();
    table = new BlockTable(blocks);
    zstd = codec == Codec.ZSTD ? new ZstdCompressCtx().setLevel(ZSTD_LEVEL) : null;
  }

  /**
   * Makes blocks of pages.
   *
   * @param raw direct buffer that starts with them
   */
  void encode(ByteBuffer raw, int pages) {
    output.clear();
    table.clear();
    for (int done = 0; done < pages; done += blockPages) {
      block(raw, done * MemoryMap.PAGE_BYTES, Math.min(blockPages, pages - done));
    }
    output.flip();
  }

  private void block(ByteBuffer raw, int offset, int pages) {
    int rawBytes = pages * MemoryMap.PAGE_BYTES;
    int at = output.position();
    int room = bound(rawBytes);
    // SAFETY: raw holds rawBytes from offset on, and output has room from at on for every block at
    // its worst; both codecs are given these lengths and keep to them.
    int bytes =
        switch (codec) {
          case RAW -> rawBytes;
          case LZ4 -> lz4.compress(raw, offset, rawBytes, output, at, room);
          case ZSTD ->
              Objects.requireNonNull(zstd)
                  .compressDirectByteBuffer(output, at, room, raw, offset, rawBytes);
        };
    Codec used = codec;
    if (bytes >= rawBytes * WORTHWHILE) {
      used = Codec.RAW;
      bytes = rawBytes;
      output.put(at, raw, offset, rawBytes);
    }
    output.limit(at + bytes);
    crc.reset();
    crc.update(output); // leaves the position behind the block
    output.limit(output.capacity());
    table.add(bytes, pages, used, (int) crc.getValue());
  }

  /** The most bytes that a block can take, before it is found not worthwhile. */
  private int bound(int rawBytes) {
    return switch (codec) {
      case RAW -> rawBytes;
      case LZ4 -> lz4.maxCompressedLength(rawBytes);
      case ZSTD -> Math.toIntExact(Zstd.compressBound(rawBytes));
    };
  }

  /** The bytes of the blocks that the last call made, end to end. */
  ByteBuffer output() {
    return output;
  }

  /** The blocks that the last call made. */
  BlockTable table() {
    return table;
  }

  @Override
  public void close() {
    if (zstd != null) {
      zstd.close();
    }
    arena.close();
  }
}
