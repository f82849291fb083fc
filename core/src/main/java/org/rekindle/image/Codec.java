package org.rekindle.image;

/** How the pages of a block are stored. */
public enum Codec {
  /** As they are. */
  RAW,
  /** An LZ4 block, as the LZ4 block format description has it, without a frame. */
  LZ4,
  /** One zstd frame (RFC 8878). */
  ZSTD
}
