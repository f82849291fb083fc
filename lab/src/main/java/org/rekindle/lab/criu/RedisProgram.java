package org.rekindle.lab.criu;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Random;

/**
 * redis-server, with values of 4 KB in printable characters, as YCSB has them: random, so that the
 * image's codecs gain little.
 */
public final class RedisProgram implements Program {
  private static final int VALUE_BYTES = 4096;
  private static final byte[] OK = "+OK\r\n".getBytes(StandardCharsets.US_ASCII);

  private final int mebibytes;

  /**
   * @param mebibytes of values
   */
  public RedisProgram(int mebibytes) {
    this.mebibytes = mebibytes;
  }

  @Override
  public String description() {
    return "redis, %d MiB of data".formatted(mebibytes);
  }

  @Override
  public long dataBytes() {
    return (long) mebibytes << 20;
  }

  @Override
  public int keys() {
    return mebibytes * ((1 << 20) / VALUE_BYTES);
  }

  @Override
  public String socket() {
    return "redis.sock";
  }

  @Override
  public int start(Sandbox sandbox, Path work) throws IOException {
    String inside = Sandbox.WORK.resolve(socket()).toString();
    int pid =
        sandbox.daemon(
            "redis",
            "redis-server",
            "--port",
            "0",
            "--unixsocket",
            inside,
            "--save",
            "",
            "--appendonly",
            "no");
    sandbox.awaitFile(inside);
    try (Connection connection = Connection.to(work.resolve(socket()))) {
      for (int key = 0; key < keys(); key++) {
        connection.ask(request(key, true), OK);
      }
    }
    return pid;
  }

  @Override
  public byte[] request(int key, boolean update) {
    byte[] name = "key:%010d".formatted(key).getBytes(StandardCharsets.US_ASCII);
    return update
        ? joined(bytes("*3\r\n$3\r\nSET\r\n$14\r\n"), name, bytes("\r\n"), bulk(value(key)))
        : joined(bytes("*2\r\n$3\r\nGET\r\n$14\r\n"), name, bytes("\r\n"));
  }

  @Override
  public byte[] answer(int key, boolean update) {
    return update ? OK : bulk(value(key));
  }

  private static byte[] value(int key) {
    byte[] value = new byte[VALUE_BYTES];
    new Random(key).nextBytes(value);
    for (int i = 0; i < value.length; i++) {
      value[i] = (byte) (' ' + (value[i] & 63)); // 64 printable characters
    }
    return value;
  }

  private static byte[] bulk(byte[] value) {
    return joined(bytes("$" + value.length + "\r\n"), value, bytes("\r\n"));
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static byte[] joined(byte[]... parts) {
    int length = 0;
    for (byte[] part : parts) {
      length += part.length;
    }
    ByteBuffer all = ByteBuffer.allocate(length);
    for (byte[] part : parts) {
      all.put(part);
    }
    return all.array();
  }
}
