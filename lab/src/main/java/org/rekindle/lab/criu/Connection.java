package org.rekindle.lab.criu;

import java.io.EOFException;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** A client's connection to a {@link Program}: one request at a time, every byte compared. */
final class Connection implements AutoCloseable {
  private final SocketChannel channel;
  private final ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 16);

  private Connection(SocketChannel channel) {
    this.channel = channel;
  }

  /**
   * Connects to a Unix socket.
   *
   * @throws java.net.SocketException if nobody listens there
   */
  static Connection to(Path socket) throws IOException {
    return new Connection(SocketChannel.open(UnixDomainSocketAddress.of(socket)));
  }

  /**
   * Sends a request and waits for the answer.
   *
   * @throws WrongAnswerException at the first byte that is not the expected one
   */
  void ask(byte[] request, byte[] expected) throws IOException {
    for (int sent = 0; sent < request.length; ) {
      int some = Math.min(buffer.capacity(), request.length - sent);
      buffer.clear().put(request, sent, some).flip();
      while (buffer.hasRemaining()) {
        channel.write(buffer);
      }
      sent += some;
    }
    for (int received = 0; received < expected.length; ) {
      buffer.clear();
      if (channel.read(buffer) < 0) {
        throw new EOFException("the server closed the connection in the middle of an answer");
      }
      buffer.flip();
      ByteBuffer part =
          ByteBuffer.wrap(
              expected, received, Math.min(buffer.remaining(), expected.length - received));
      if (buffer.mismatch(part) >= 0) {
        throw new WrongAnswerException(received, StandardCharsets.ISO_8859_1.decode(buffer));
      }
      received += buffer.remaining();
    }
  }

  /** The server gave another answer than it has to. */
  static final class WrongAnswerException extends IOException {
    private static final long serialVersionUID = 1L;

    WrongAnswerException(int offset, CharSequence found) {
      super(
          "a wrong answer, at or after its byte %d: %s"
              .formatted(offset, found.subSequence(0, Math.min(80, found.length()))));
    }
  }

  /**
   * Takes leave, and waits until the server has closed its side: CRIU cannot dump a connection with
   * somebody outside.
   */
  @Override
  public void close() throws IOException {
    try (channel) {
      channel.shutdownOutput();
      do {
        buffer.clear();
      } while (channel.read(buffer) >= 0);
    }
  }
}
