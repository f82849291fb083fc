package org.rekindle.guest.criu;

import java.nio.file.Path;

/**
 * Walks over the fields of one protocol buffer message, in their order; what is not asked for is
 * passed over. (Encoding: protobuf.dev/programming-guides/encoding.)
 *
 * <p>CRIU's page maps need five fields of three types, so this takes the place of a library.
 */
final class ProtobufMessage {
  private static final int VARINT = 0;
  private static final int EIGHT_BYTES = 1;
  private static final int LENGTH_DELIMITED = 2;
  private static final int FOUR_BYTES = 5;

  private final Path file;
  private final long fileOffset; // of bytes[0]
  private final byte[] bytes;
  private final int end;
  private int next;
  private int field;
  private int type;
  private int value; // where the value of the field begins
  private int valueEnd;

  /**
   * @param fileOffset where in the file the bytes are, for messages
   */
  ProtobufMessage(Path file, long fileOffset, byte[] bytes) {
    this(file, fileOffset, bytes, 0, bytes.length);
  }

  private ProtobufMessage(Path file, long fileOffset, byte[] bytes, int from, int end) {
    this.file = file;
    this.fileOffset = fileOffset;
    this.bytes = bytes;
    this.next = from;
    this.end = end;
  }

  /** Goes to the next field; false at the end. */
  boolean next() throws CriuImageException {
    if (next == end) {
      return false;
    }
    value = next;
    valueEnd = end;
    long key = varint();
    if (key < 8 || key >>> 3 > Integer.MAX_VALUE) {
      throw failure("no field has the key " + Long.toUnsignedString(key));
    }
    field = (int) (key >>> 3);
    type = (int) (key & 7);
    int length =
        switch (type) {
          case VARINT -> {
            int start = value;
            varint();
            int bytesOfIt = value - start;
            value = start;
            yield bytesOfIt;
          }
          case EIGHT_BYTES -> 8;
          case FOUR_BYTES -> 4;
          case LENGTH_DELIMITED -> {
            long told = varint();
            if (told < 0 || told > end - value) {
              throw failure(
                  "field %d has %s bytes, the message only %d more"
                      .formatted(field, Long.toUnsignedString(told), end - value));
            }
            yield (int) told;
          }
          default -> throw failure("field %d has the unknown type %d".formatted(field, type));
        };
    if (length > end - value) {
      throw failure("the message ends inside field " + field);
    }
    valueEnd = value + length;
    next = valueEnd;
    return true;
  }

  /** The number of the field. */
  int field() {
    return field;
  }

  /** The value of a field with an unsigned number. */
  long number() throws CriuImageException {
    expect(VARINT, "a number");
    int start = value;
    long number = varint();
    value = start;
    return number;
  }

  /** The value of a field that is a message itself. */
  ProtobufMessage message() throws CriuImageException {
    expect(LENGTH_DELIMITED, "a message");
    return new ProtobufMessage(file, fileOffset, bytes, value, valueEnd);
  }

  CriuImageException failure(String problem) {
    return new CriuImageException(file, fileOffset + value, problem);
  }

  private void expect(int wanted, String what) throws CriuImageException {
    if (type != wanted) {
      throw failure("field %d is to be %s, but has the type %d".formatted(field, what, type));
    }
  }

  private long varint() throws CriuImageException {
    long number = 0;
    for (int shift = 0; shift < Long.SIZE; shift += 7) {
      if (value == valueEnd) {
        throw failure("the message ends inside a number");
      }
      byte b = bytes[value++];
      number |= (long) (b & 0x7f) << shift;
      if (b >= 0) {
        return number;
      }
    }
    throw failure("a number of more than ten bytes");
  }
}
