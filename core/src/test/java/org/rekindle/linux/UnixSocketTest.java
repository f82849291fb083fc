package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UnixSocketTest {
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment buffer = arena.allocate(1 << 20);
  private SocketPair pair;

  @BeforeEach
  void connect() throws IOException {
    pair = SocketPair.open();
  }

  @AfterEach
  void close() throws IOException {
    pair.close();
    arena.close();
  }

  @Test
  void bytesTravelBothWays() throws IOException {
    buffer.setString(100, "to the peer");
    assertThat(pair.ours().send(buffer, 100, 11)).isEqualTo(11);
    ByteBuffer atPeer = ByteBuffer.allocate(64);
    assertThat(pair.peer().read(atPeer)).isEqualTo(11);
    assertThat(new String(atPeer.array(), 0, 11, UTF_8)).isEqualTo("to the peer");

    pair.peer().write(ByteBuffer.wrap("and back".getBytes(UTF_8)));
    assertThat(pair.ours().receive(buffer, 5000, 64)).isEqualTo(8);
    assertThat(buffer.getString(5000)).isEqualTo("and back");
  }

  @Test
  void nothingToReceiveDoesNotBlock() throws IOException {
    assertThat(pair.ours().receive(buffer, 0, 10)).isEqualTo(UnixSocket.WOULD_BLOCK);
    assertThat(pair.ours().receive(buffer, 0, 0)).isZero();
    assertThat(pair.ours().send(buffer, 0, 0)).isZero();
  }

  @Test
  void aFullQueueIsSentInPartAndThenNotAtAll() throws IOException {
    pair.ours().sendBufferBytes(64 << 10);
    long queued = 0;
    int sent = pair.ours().send(buffer, 0, 1 << 20);
    assertThat(sent).isBetween(1, (1 << 20) - 1);
    for (; sent > 0; sent = pair.ours().send(buffer, 0, 1 << 20)) {
      queued += sent;
    }
    assertThat(sent).isEqualTo(UnixSocket.WOULD_BLOCK);
    ByteBuffer drain = ByteBuffer.allocate(1 << 20);
    while (queued > 0) {
      queued -= pair.peer().read(drain.clear());
    }
    assertThat(pair.ours().send(buffer, 0, 1)).isEqualTo(1);
  }

  @Test
  void aSmallerSendBufferQueuesLess() throws IOException {
    assertThat(queuedWith(16 << 10)).isLessThan(queuedWith(128 << 10));
  }

  private long queuedWith(int bufferBytes) throws IOException {
    try (SocketPair other = SocketPair.open()) {
      other.ours().sendBufferBytes(bufferBytes);
      long queued = 0;
      for (int sent; (sent = other.ours().send(buffer, 0, 4096)) > 0; ) {
        queued += sent;
      }
      return queued;
    }
  }

  @Test
  void aPeerThatHasClosedIsAnOutcome() throws IOException {
    pair.peer().close();
    assertThat(pair.ours().receive(buffer, 0, 10)).isEqualTo(UnixSocket.CLOSED);
    assertThat(pair.ours().send(buffer, 0, 10)).isEqualTo(UnixSocket.CLOSED);
  }

  @Test
  void aPeerThatClosedWithoutReadingIsAnOutcomeToo() throws IOException {
    assertThat(pair.ours().send(buffer, 0, 10)).isEqualTo(10);
    pair.peer().close();
    assertThat(pair.ours().receive(buffer, 0, 10)).as("ECONNRESET").isEqualTo(UnixSocket.CLOSED);
  }

  @Test
  void whatThePeerSentBeforeItClosedStillArrives() throws IOException {
    pair.peer().write(ByteBuffer.wrap(new byte[] {1, 2, 3}));
    pair.peer().close();
    assertThat(pair.ours().receive(buffer, 0, 10)).isEqualTo(3);
    assertThat(buffer.asSlice(0, 3).toArray(JAVA_BYTE)).containsExactly(1, 2, 3);
    assertThat(pair.ours().receive(buffer, 0, 10)).isEqualTo(UnixSocket.CLOSED);
  }

  @Test
  void aClosedSocketSaysSo() {
    pair.ours().close();
    pair.ours().close();
    assertThat(pair.ours().fd()).isEqualTo(-1);
    assertThatThrownBy(() -> pair.ours().send(buffer, 0, 1))
        .isInstanceOf(LinuxException.class)
        .hasMessageContaining("descriptor is closed");
    assertThatThrownBy(() -> pair.ours().receive(buffer, 0, 1))
        .hasMessageContaining("descriptor is closed");
    assertThatThrownBy(() -> pair.ours().sendBufferBytes(4096))
        .hasMessageContaining("descriptor is closed");
  }

  @Test
  void rangesOutsideTheBufferAreRefused() {
    assertThatThrownBy(() -> pair.ours().send(buffer, 1 << 20, 1))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> pair.ours().receive(buffer, -1, 1))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> pair.ours().receive(buffer.asReadOnly(), 0, 1))
        .hasMessageContaining("not native memory");
  }

  @Test
  void aFreedBufferIsRefused() {
    MemorySegment freed;
    try (Arena brief = Arena.ofConfined()) {
      freed = brief.allocate(16);
    }
    assertThatThrownBy(() -> pair.ours().send(freed, 0, 16))
        .hasMessageContaining("not native memory that this thread may use");
  }

  @Test
  void whereNobodyListensTheErrorNamesThePath(@TempDir Path directory) throws IOException {
    Path absent = directory.resolve("absent");
    assertThatThrownBy(() -> UnixSocket.connect(absent))
        .isInstanceOf(LinuxException.class)
        .hasMessage("connect to " + absent + ": no such file or directory (ENOENT)");

    Path stale = directory.resolve("stale");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(stale));
    }
    assertThatThrownBy(() -> UnixSocket.connect(stale))
        .hasMessageContaining("nobody is listening (ECONNREFUSED)");
  }

  @Test
  void aListenerWithAFullQueueIsNotWaitedFor(@TempDir Path directory) throws IOException {
    Path path = directory.resolve("s");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(path), 1);
      try (UnixSocket first = UnixSocket.connect(path);
          UnixSocket second = UnixSocket.connect(path)) {
        assertThat(first.fd()).isNotEqualTo(second.fd());
        assertThatThrownBy(() -> UnixSocket.connect(path)).hasMessageContaining("(EAGAIN)");
      }
    }
  }

  @Test
  void aPathMayHave107BytesAndNoMore(@TempDir Path directory) throws IOException {
    Path base = Files.createDirectory(Path.of("/tmp/rekindle-" + ProcessHandle.current().pid()));
    try {
      Path longest = base.resolve("x".repeat(106 - base.toString().length()));
      assertThat(longest.toString()).hasSize(107);
      assertThatThrownBy(() -> UnixSocket.connect(longest)).hasMessageContaining("(ENOENT)");
      assertThatThrownBy(() -> UnixSocket.connect(Path.of(longest + "x")))
          .hasMessageContaining("1 to 107 bytes, this one 108");
    } finally {
      Files.delete(base);
    }
  }
}
