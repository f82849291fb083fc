package org.rekindle.linux;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;

/** Our socket, connected to a channel of the JDK. */
record SocketPair(UnixSocket ours, SocketChannel peer) implements AutoCloseable {

  static SocketPair open() throws IOException {
    Path directory = Files.createTempDirectory("rekindle");
    Path path = directory.resolve("s");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(path));
      UnixSocket ours = UnixSocket.connect(path);
      return new SocketPair(ours, server.accept());
    } finally {
      Files.deleteIfExists(path);
      Files.delete(directory);
    }
  }

  @Override
  public void close() throws IOException {
    ours.close();
    peer.close();
  }
}
