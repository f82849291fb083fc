package org.rekindle.image;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdCompressCtx;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;
import net.jpountz.lz4.LZ4Compressor;

/** Writes the page file of a store: compresses blocks and lays them end to end. For one thread. */
final class StoreWriter implements AutoCloseable {
  /**
   * A compressed block must be shorter than this share of its pages, or it is stored as it is:
   * below 5 % the bytes saved on the slowest disk cost less than the decoding that they need.
   */
  private static final double WORTHWHILE = 0.95;

  /** Fast, and nearly all of the gain: pages are structured at the scale of words. */
  private static final int ZSTD_LEVEL = 1;

  /** Large enough that a write call is nothing beside its copy. */
  private static final int OUTPUT_BYTES = 1 << 20;

  private final Path file;
  private final Codec codec;
  private final FileChannel channel;
  private final Arena arena = Arena.ofShared(); // made, used and closed by different threads
  private final ByteBuffer output;
  private final LZ4Compressor lz4 = Lz4.compressor();
  private final ZstdCompressCtx zstd = new ZstdCompressCtx();
  private final CRC32C crc = new CRC32C();
  private final BlockTable table = new BlockTable(1024);

  StoreWriter(Path file, Codec codec, int maxBlockPages) throws IOException {
    this.file = file;
    this.codec = codec;
    channel = FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
    int worst = bound(maxBlockPages * MemoryMap.PAGE_BYTES);
    output = arena.allocate(Math.max(OUTPUT_BYTES, worst)).asByteBuffer();
    zstd.setLevel(ZSTD_LEVEL);
  }

  /**
   * Appends a block.
   *
   * @param raw direct buffer with the pages from {@code offset} on
   */
  void block(ByteBuffer raw, int offset, int pages) throws IOException {
    int rawBytes = pages * MemoryMap.PAGE_BYTES;
    int room = bound(rawBytes);
    if (output.remaining() < room) {
      flush();
    }
    int at = output.position();
    // SAFETY: raw holds rawBytes from offset on and output has room from at on; both codecs are
    // given these lengths and keep to them.
    int bytes =
        switch (codec) {
          case RAW -> rawBytes;
          case LZ4 -> lz4.compress(raw, offset, rawBytes, output, at, room);
          case ZSTD -> zstd.compressDirectByteBuffer(output, at, room, raw, offset, rawBytes);
        };
    Codec used = codec;
    if (bytes >= rawBytes * WORTHWHILE) {
      used = Codec.RAW;
      bytes = rawBytes;
      output.put(at, raw, offset, rawBytes);
    }
    output.position(at);
    output.limit(at + bytes);
    crc.reset();
    crc.update(output); // leaves the position behind the block
    output.limit(output.capacity());
    table.add(bytes, pages, used, (int) crc.getValue());
  }

  private static int bound(int rawBytes) {
    return Math.toIntExact(
        Math.max(Zstd.compressBound(rawBytes), Lz4.compressor().maxCompressedLength(rawBytes)));
  }

  private void flush() throws IOException {
    output.flip();
    try {
      while (output.hasRemaining()) {
        channel.write(output);
      }
    } catch (IOException e) {
      throw Durable.cannotWrite(file, e);
    }
    output.clear();
  }

  /** Writes what is left and makes it durable. */
  BlockTable finish() throws IOException {
    flush();
    try {
      channel.force(true);
    } catch (IOException e) {
      throw Durable.cannotWrite(file, e);
    }
    return table;
  }

  @Override
  public void close() throws IOException {
    zstd.close();
    arena.close();
    channel.close();
  }
}
