package org.rekindle.guest.child;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.EOFException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GuestConsoleTest {
  private static final Duration LONG = Duration.ofSeconds(20);

  @TempDir Path directory;
  private final List<AutoCloseable> opened = new ArrayList<>();
  private SocketChannel guest;
  private GuestConsole console;

  @BeforeEach
  void connect() throws IOException {
    Path socket = directory.resolve("serial");
    ServerSocketChannel server =
        opened(
            ServerSocketChannel.open(StandardProtocolFamily.UNIX)
                .bind(UnixDomainSocketAddress.of(socket)));
    console = opened(GuestConsole.connect(socket, () -> true, LONG));
    guest = opened(server.accept());
  }

  private <T extends AutoCloseable> T opened(T resource) {
    opened.add(resource);
    return resource;
  }

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable resource : opened.reversed()) {
      resource.close();
    }
  }

  private void says(String text) throws IOException {
    guest.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII)));
  }

  @Test
  void linesInPiecesAreWholeAndHeartbeatsAreParsed() throws IOException {
    long beforeNs = System.nanoTime();
    says("eat 6 0000000000000001\r\nbeat 7 00000000");
    says("0000000a\nnoise\nbeat 8 000000000000000b\nbeat 9 0");
    assertThat(console.awaitBeats(2, LONG).number()).isEqualTo(8);
    assertThat(console.beats())
        .extracting(GuestConsole.Beat::number, GuestConsole.Beat::check)
        .containsExactly(
            org.assertj.core.groups.Tuple.tuple(7L, "000000000000000a"),
            org.assertj.core.groups.Tuple.tuple(8L, "000000000000000b"));
    assertThat(console.beats().getFirst().arrivalNs()).isBetween(beforeNs, System.nanoTime());
    assertThat(console.awaitLine("noi", LONG).text()).isEqualTo("noise");
  }

  @Test
  void anAnswerIsNotTakenFromWhatWasSaidBefore() throws IOException {
    says("sum 1111 0.5\n");
    console.awaitLine("sum", LONG);
    Thread answering =
        Thread.ofPlatform()
            .start(() -> {
              try {
                guest.read(ByteBuffer.allocate(4));
                says("beat 1 0000000000000001\nsum 2222 0.5\n");
              } catch (IOException gone) {
                throw new java.io.UncheckedIOException(gone);
              }
            });
    assertThat(console.sum()).isEqualTo("2222");
    assertThat(answering).satisfies(Thread::join);
  }

  @Test
  void silenceAndTheEndOfTheMachineAreTold() throws IOException {
    says("last words\n");
    assertThatThrownBy(() -> console.awaitLine("ready", Duration.ofMillis(1)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no line \"ready...\" in 1 ms");
    guest.close();
    assertThatThrownBy(() -> console.awaitLine("ready", LONG))
        .isInstanceOf(EOFException.class)
        .hasMessageContaining("the VMM has closed it; its last words: \"last words\"");
  }

  @Test
  void waitingForASocketEndsWithTheMachineThatShouldServeIt() throws Exception {
    assertThatThrownBy(() -> GuestConsole.connect(directory.resolve("none"), () -> false, LONG))
        .hasMessageContaining("the VMM has ended");
  }
}
