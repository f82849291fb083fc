package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Descriptors that travel over a socket, and who the peer is. */
class SocketMessageTest {
  @TempDir private Path directory;
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment buffer = arena.allocate(4096);
  private UnixSocket sender;
  private UnixSocket receiver;

  @BeforeEach
  void connect() throws IOException {
    Path path = directory.resolve("s");
    try (UnixListener listener = UnixListener.bind(path, UnixListener.OWNER_ONLY)) {
      sender = UnixSocket.connect(path);
      receiver = listener.accept().orElseThrow();
    }
  }

  @AfterEach
  void close() {
    sender.close();
    receiver.close();
    arena.close();
  }

  private static long openFiles() throws IOException {
    try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
      return open.count();
    }
  }

  @Test
  void aDescriptorArrivesWithItsBytesAndIsTheSameFile() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "content");
    buffer.setString(0, "hello");
    try (Descriptor open = Descriptor.open(file, Abi.O_RDONLY)) {
      assertThat(sender.send(buffer, 0, 5, open.fd())).isEqualTo(5);
    }
    UnixSocket.Message message = receiver.receiveMessage(buffer, 100, 1000, 1);
    assertThat(message.bytes()).isEqualTo(5);
    assertThat(buffer.getString(100)).isEqualTo("hello");
    assertThat(message.refused()).isFalse();
    try (Descriptor received = message.descriptors().getFirst()) {
      assertThat(message.descriptors()).hasSize(1);
      Path link = Path.of("/proc/self/fd", Integer.toString(received.fd()));
      assertThat(Files.readSymbolicLink(link)).isEqualTo(file);
      // O_CLOEXEC: no child inherits it.
      assertThat(Files.readString(Path.of("/proc/self/fdinfo", "" + received.fd())))
          .containsPattern("flags:\\s+02");
    }
  }

  @Test
  void bytesAloneNothingAndTheEndAreOutcomes() throws IOException {
    assertThat(receiver.receiveMessage(buffer, 0, 10, 1).bytes()).isEqualTo(UnixSocket.WOULD_BLOCK);
    buffer.set(JAVA_BYTE, 0, (byte) 7);
    sender.send(buffer, 0, 1);
    UnixSocket.Message plain = receiver.receiveMessage(buffer, 0, 10, 1);
    assertThat(plain.bytes()).isEqualTo(1);
    assertThat(plain.descriptors()).isEmpty();
    sender.close();
    assertThat(receiver.receiveMessage(buffer, 0, 10, 1).bytes()).isEqualTo(UnixSocket.CLOSED);
  }

  @Test
  void moreDescriptorsThanWantedAreAllClosed() throws IOException {
    long before = openFiles();
    for (int count : new int[] {2, 3, SocketMessage.MOST}) {
      int[] many = new int[count];
      Arrays.fill(many, sender.fd());
      assertThat(sender.send(buffer, 0, 1, many)).isEqualTo(1);
      UnixSocket.Message message = receiver.receiveMessage(buffer, 0, 10, 1);
      assertThat(message.bytes()).isEqualTo(1);
      assertThat(message.refused()).isTrue();
      assertThat(message.descriptors()).isEmpty();
    }
    assertThat(openFiles()).isEqualTo(before);
  }

  @Test
  void asManyAsWantedArriveInTheirOrder() throws IOException {
    assertThat(sender.send(buffer, 0, 1, sender.fd(), receiver.fd())).isEqualTo(1);
    UnixSocket.Message message = receiver.receiveMessage(buffer, 0, 10, 2);
    assertThat(message.descriptors())
        .extracting(fd -> Files.readSymbolicLink(Path.of("/proc/self/fd", "" + fd.fd())))
        .containsExactly(
            Files.readSymbolicLink(Path.of("/proc/self/fd", "" + sender.fd())),
            Files.readSymbolicLink(Path.of("/proc/self/fd", "" + receiver.fd())));
    message.descriptors().forEach(Descriptor::close);
  }

  @Test
  void descriptorsDoNotTravelAlone() {
    assertThatThrownBy(() -> sender.send(buffer, 0, 0, sender.fd()))
        .hasMessageContaining("need a byte");
  }

  @Test
  void aHungUpPeerIsNoticedWhateverItLeftUnread() throws IOException {
    assertThat(receiver.hungUp()).isFalse();
    sender.send(buffer, 0, 100);
    assertThat(receiver.hungUp()).isFalse();
    sender.close();
    assertThat(receiver.hungUp()).isTrue();
    assertThat(receiver.receive(buffer, 0, 1000)).isEqualTo(100);
  }

  @Test
  void theSenderIsToldFromWhenItWasAskedFor() throws IOException {
    sender.send(buffer, 0, 1);
    assertThat(receiver.receiveMessage(buffer, 0, 10, 1).sender()).isZero();
    receiver.askForSenders();
    sender.send(buffer, 0, 1, sender.fd());
    UnixSocket.Message message = receiver.receiveMessage(buffer, 0, 10, 1);
    assertThat(message.sender()).isEqualTo((int) ProcessHandle.current().pid());
    assertThat(message.descriptors()).hasSize(1);
    message.descriptors().forEach(Descriptor::close);
  }

  @Test
  void theSenderOfWhatCameBeforeItWasAcceptedIsToldToo() throws IOException {
    Path path = directory.resolve("early");
    try (UnixListener listener = UnixListener.bind(path, UnixListener.OWNER_ONLY)) {
      listener.askForSenders();
      try (UnixSocket early = UnixSocket.connect(path)) {
        early.send(buffer, 0, 1);
        try (UnixSocket accepted = listener.accept().orElseThrow()) {
          accepted.askForSenders();
          assertThat(accepted.receiveMessage(buffer, 0, 10, 1).sender())
              .isEqualTo((int) ProcessHandle.current().pid());
        }
      }
    }
  }

  @Test
  void thePeerIsThisProcess() throws IOException {
    PeerCredentials peer = receiver.peerCredentials();
    assertThat(peer.pid()).isEqualTo((int) ProcessHandle.current().pid());
    assertThat(peer.uid()).isEqualTo(Files.getAttribute(directory, "unix:uid"));
    assertThat(peer.gid()).isEqualTo(Files.getAttribute(directory, "unix:gid"));
    try (PidFd process = receiver.peerProcess().orElseThrow()) {
      assertThat(process.pid()).isEqualTo(peer.pid());
      assertThat(process.ended()).isFalse();
      assertThat(process.signal(0)).isZero();
    }
  }
}
