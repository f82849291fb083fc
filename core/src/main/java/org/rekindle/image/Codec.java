package org.rekindle.image;

/** How the pages of a block are stored. */
public enum Codec {
  /** As they are. */
  RAW(0),
  /** An LZ4 block, as the LZ4 block format description has it, without a frame. */
  LZ4(1),
  /** One zstd frame (RFC 8878). */
  ZSTD(2);

  private final byte code;

  Codec(int code) {
    this.code = (byte) code;
  }

  /** Its number in a store index. */
  byte code() {
    return code;
  }
}
