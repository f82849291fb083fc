package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The VMM double with the handler in C that the pager is measured beside: both do their part of
 * Firecracker's hand-over, and the double notices what is wrong.
 */
@Timeout(120)
class VmmDoubleTest {
  @TempDir private Path directory = Path.of("unset");

  private final List<AutoCloseable> opened = new ArrayList<>();
  private DoubleMachine machine;
  private Path handler;
  private Path memory;

  @BeforeEach
  void compile() throws IOException {
    machine = DoubleMachine.small(CPrograms.vmmDouble(directory)).with("--seed", "11");
    handler = CPrograms.compile(directory, "uffd_handler");
    memory = directory.resolve("memory");
    machine.writeSnapshot(memory, directory.resolve("state"));
  }

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable resource : opened.reversed()) {
      resource.close();
    }
  }

  /** A handler in C that listens for one double. */
  private Path handler() throws Exception {
    CPrograms.requireUserfaultfd();
    Path socket = directory.resolve("socket");
    Process process =
        new ProcessBuilder(handler.toString(), socket.toString(), memory.toString(), "1")
            .inheritIO()
            .start();
    opened.add(() -> process.destroyForcibly().waitFor());
    while (!Files.exists(socket)) {
      assertThat(process.waitFor(10, TimeUnit.MILLISECONDS)).as("handler ended").isFalse();
    }
    return socket;
  }

  private VmmDouble started(String... options) throws IOException {
    VmmDouble started = machine.start(options);
    opened.add(started);
    return started;
  }

  @Test
  void aMachineThatWasNeverSavedHasTheMemoryThatItWouldSave() throws Exception {
    VmmDouble booted = started("--boot", "--balloon", "200", "--vcpus", "2");
    booted.awaitBeats(2);
    booted.await("inflated ");
    assertThat(booted.verdict()).startsWith("identical pages=16384 ").doesNotContain(" removed=0 ");
  }

  @Test
  void memoryIsIdenticalWhenItIsServedAndGivenBackAtOnce() throws Exception {
    VmmDouble restored =
        started("--uffd", handler().toString(), "--balloon", "300", "--vcpus", "2");
    restored.awaitBeats(2);
    restored.await("inflated ");
    assertThat(restored.verdict()).startsWith("identical pages=16384 ");
    assertThat(restored.waiting()).isZero();
  }

  @Test
  void aWrongByteIsNoticed() throws Exception {
    long page = 9_000;
    try (FileChannel file = FileChannel.open(memory, StandardOpenOption.WRITE)) {
      file.write(ByteBuffer.wrap(new byte[] {1, 2, 3}), page * 4096 + 1000);
    }
    VmmDouble restored = started("--uffd", handler().toString(), "--set", "16", "--strays", "0");
    assertThat(restored.verdict()).startsWith("different page=9000 word=125 ");
  }

  @Test
  void theTraceHasEachFaultOnce() throws Exception {
    Path trace = directory.resolve("trace");
    VmmDouble restored =
        started(
            "--uffd", handler().toString(), "--set", "100", "--strays", "0", "--trace", "" + trace);
    restored.awaitBeats(3);
    List<String> pages = Files.readAllLines(trace);
    assertThat(pages).hasSizeBetween(100, 102).doesNotHaveDuplicates().startsWith("0 0", "12288 0");
  }

  @Test
  void itEndsWithItsInputAlthoughAllItsThreadsWait() throws Exception {
    Path silent = directory.resolve("silent");
    try (java.nio.channels.ServerSocketChannel listener =
        java.nio.channels.ServerSocketChannel.open(java.net.StandardProtocolFamily.UNIX)) {
      CPrograms.requireUserfaultfd();
      listener.bind(java.net.UnixDomainSocketAddress.of(silent));
      VmmDouble restored = started("--uffd", silent.toString());
      restored.await("handed-over ");
      restored.child().process().getOutputStream().close();
      assertThat(restored.child().process().waitFor()).isZero();
    }
  }
}
