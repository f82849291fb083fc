package org.rekindle.guest.firecracker;

/**
 * The CRC64 at the end of a state file: Jones' polynomial 0xad93d23594c935a9, bits reflected,
 * initial value and final xor zero. It is Redis's CRC64, too.
 *
 * @see <a href="https://docs.rs/crc64/2.0.0/crc64/">the crate that Firecracker uses</a>
 */
final class Crc64 {
  private static final long REFLECTED_POLYNOMIAL = 0x95ac9329ac4bc9b5L;
  private static final long[] OF_BYTE = new long[256];

  static {
    for (int b = 0; b < OF_BYTE.length; b++) {
      long crc = b;
      for (int bit = 0; bit < Byte.SIZE; bit++) {
        crc = (crc >>> 1) ^ ((crc & 1) == 0 ? 0 : REFLECTED_POLYNOMIAL);
      }
      OF_BYTE[b] = crc;
    }
  }

  private Crc64() {}

  /** Of the bytes up to {@code end}. */
  static long of(byte[] bytes, int end) {
    long crc = 0;
    for (int i = 0; i < end; i++) {
      crc = (crc >>> Byte.SIZE) ^ OF_BYTE[(int) (crc ^ bytes[i]) & 0xff];
    }
    return crc;
  }
}
