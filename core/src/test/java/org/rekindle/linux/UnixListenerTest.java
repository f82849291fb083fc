package org.rekindle.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UnixListenerTest {
  @TempDir private Path directory;

  private static UnixListener listen(Path path) throws IOException {
    return UnixListener.bind(path, UnixListener.OWNER_ONLY);
  }

  private static void leaveStaleSocket(Path path) throws IOException {
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(path));
    }
    assertThat(path).exists();
  }

  @Test
  void connectionsAreAcceptedOneByOneAndNobodyIsWaitedFor() throws IOException {
    Path path = directory.resolve("s");
    try (UnixListener listener = listen(path);
        Poller poller = new Poller(1)) {
      int index = poller.add(listener.fd());
      poller.interest(index, true, false);
      assertThat(listener.accept()).isEmpty();
      assertThat(poller.poll(0)).isZero();
      try (UnixSocket first = UnixSocket.connect(path);
          UnixSocket second = UnixSocket.connect(path)) {
        assertThat(first.fd()).isNotEqualTo(second.fd());
        poller.poll(-1);
        assertThat(poller.readable(index)).isTrue();
        listener.accept().orElseThrow().close();
        listener.accept().orElseThrow().close();
        assertThat(listener.accept()).isEmpty();
      }
    }
    assertThat(path).doesNotExist();
  }

  @Test
  void onlyTheOwnerMayConnectUnlessMoreIsAskedFor() throws IOException {
    Path path = directory.resolve("s");
    try (UnixListener listener = listen(path)) {
      assertThat(listener.fd()).isNotNegative();
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
          .isEqualTo("rw-------");
    }
    try (UnixListener listener = UnixListener.bind(path, 0640)) {
      assertThat(listener.fd()).isNotNegative();
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
          .isEqualTo("rw-r-----");
    }
  }

  @Test
  void aSocketThatSomebodyListensAtIsLeftAlone() throws IOException {
    Path path = directory.resolve("s");
    try (UnixListener listener = listen(path)) {
      assertThatThrownBy(() -> listen(path))
          .isInstanceOf(LinuxException.class)
          .hasMessage("listen at " + path + ": address in use (EADDRINUSE)");
      listener.accept().orElseThrow().close(); // the question whether somebody is there
      try (UnixSocket client = UnixSocket.connect(path)) {
        assertThat(client.hungUp()).isFalse();
      }
    }
  }

  @Test
  void aSocketThatNobodyListensAtIsReplaced() throws IOException {
    Path path = directory.resolve("s");
    leaveStaleSocket(path);
    try (UnixListener listener = listen(path);
        UnixSocket client = UnixSocket.connect(path)) {
      assertThat(client.hungUp()).isFalse();
      assertThat(listener.accept()).isPresent();
    }
  }

  @Test
  void whatIsNoSocketIsNeverReplaced() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "precious");
    assertThatThrownBy(() -> listen(file)).hasMessageContaining("EADDRINUSE");
    Path link = Files.createSymbolicLink(directory.resolve("link"), file);
    assertThatThrownBy(() -> listen(link)).hasMessageContaining("EADDRINUSE");
    assertThat(file).hasContent("precious");
    assertThat(link).isSymbolicLink();
  }

  @Test
  void whatTookItsPlaceIsNotRemoved() throws IOException {
    Path path = directory.resolve("s");
    try (UnixListener first = listen(path)) {
      assertThat(first.fd()).isNotNegative();
      Files.delete(path);
      leaveStaleSocket(path);
    }
    assertThat(path).exists();
  }

  @Test
  void aFolderThatIsNotThereIsNamed() {
    Path path = directory.resolve("absent/s");
    assertThatThrownBy(() -> listen(path))
        .hasMessage("listen at " + path + ": no such file or directory (ENOENT)");
  }
}
