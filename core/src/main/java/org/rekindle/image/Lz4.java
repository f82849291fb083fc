package org.rekindle.image;

import net.jpountz.lz4.LZ4Compressor;
import net.jpountz.lz4.LZ4Factory;
import net.jpountz.lz4.LZ4SafeDecompressor;

/**
 * The LZ4 codec: native where it can be loaded, which has to unpack a library into {@code
 * java.io.tmpdir}; pure Java where that directory forbids it (noexec).
 */
final class Lz4 {
  private static final LZ4Factory FACTORY = LZ4Factory.fastestInstance();

  private Lz4() {}

  static LZ4Compressor compressor() {
    return FACTORY.fastCompressor();
  }

  static LZ4SafeDecompressor decompressor() {
    return FACTORY.safeDecompressor();
  }
}
