package org.rekindle.guest.qemu;

import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import org.jspecify.annotations.Nullable;

/** Decompresses zstd frames, one after another, as they are read. For direct buffers only. */
final class ZstdChannel implements ReadableByteChannel {
  private final String source;
  private final ReadableByteChannel compressed;
  private final ByteBuffer input = ByteBuffer.allocateDirect(1 << 17).limit(0);
  private final ZstdDecompressCtx context = new ZstdDecompressCtx();
  private long inputBytes;
  private boolean betweenFrames;
  private boolean mayHoldMore; // inside the context, since the last output buffer was filled

  /**
   * @param compressed not closed by this channel
   */
  ZstdChannel(String source, ReadableByteChannel compressed) {
    this.source = source;
    this.compressed = compressed;
  }

  @Override
  public int read(ByteBuffer target) throws IOException {
    int start = target.position();
    while (target.position() == start) {
      if (!input.hasRemaining() && !mayHoldMore) {
        int some = compressed.read(input.clear());
        input.flip();
        if (some < 0) {
          if (!betweenFrames) {
            throw damaged("the file ends inside a zstd frame", null);
          }
          return -1;
        }
        inputBytes += some;
      }
      try {
        betweenFrames = context.decompressDirectByteBufferStream(target, input);
      } catch (ZstdException broken) {
        throw damaged("damaged zstd data: " + broken.getMessage(), broken);
      }
      mayHoldMore = !target.hasRemaining() && !betweenFrames;
    }
    return target.position() - start;
  }

  private MigrationStreamException damaged(String problem, @Nullable Throwable cause) {
    return new MigrationStreamException(
        source + " (compressed)", inputBytes - input.remaining(), problem, cause);
  }

  @Override
  public boolean isOpen() {
    return compressed.isOpen();
  }

  /** Frees the decompressor. */
  @Override
  public void close() {
    context.close();
  }
}
