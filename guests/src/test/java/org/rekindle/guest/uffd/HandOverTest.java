package org.rekindle.guest.uffd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;
import org.rekindle.linux.Poller;
import org.rekindle.linux.UnixListener;
import org.rekindle.linux.UnixSocket;

/** What peers send, good and bad. */
@Timeout(60)
class HandOverTest {
  private static final int BYTES = 4 << 20;
  private static final MemoryMap MEMORY = new MemoryMap(List.of(new Region("mem0", BYTES, 4096)));
  private static final Duration BRIEF = Duration.ofMillis(50);
  private static final Duration LONG = Duration.ofSeconds(60);

  @TempDir private static Path programs;
  private static Path program;

  @TempDir private Path directory;
  private UnixListener listener;
  private TestVmm vmm;
  private UnixSocket socket;

  @BeforeAll
  static void compile() throws Exception {
    program = TestVmm.compile(programs);
  }

  @BeforeEach
  void connect() throws IOException {
    Path path = directory.resolve("s");
    listener = UnixListener.bind(path, UnixListener.OWNER_ONLY);
    vmm = TestVmm.start(program, path, BYTES);
    vmm.connect();
    try (Poller poller = new Poller(1)) {
      poller.interest(poller.add(listener.fd()), true, false);
      poller.poll(-1);
    }
    socket = listener.accept().orElseThrow();
  }

  @AfterEach
  void close() throws IOException {
    socket.close();
    vmm.close();
    listener.close();
  }

  private String regions() {
    return RegionList.write(vmm.regions());
  }

  private HandOverException refused(Duration patience) throws IOException {
    long before = openFiles();
    HandOverException refused =
        catchThrowableOfType(
            HandOverException.class, () -> HandOver.receive(socket, MEMORY, patience).close());
    assertThat(refused).isNotNull();
    assertThat(openFiles()).as("descriptors left open").isEqualTo(before);
    return refused;
  }

  private static long openFiles() throws IOException {
    try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
      return open.count();
    }
  }

  private void accepted() throws IOException {
    try (AddressSpace space = HandOver.receive(socket, MEMORY, LONG)) {
      assertThat(space.ranges().all()).hasSize(1);
      assertThat(space.place(0, 3, null, 0)).isEqualTo(3);
    }
  }

  @Test
  void regionsAndDescriptorInOneMessageAreTaken() throws IOException {
    vmm.tell("hand 1 " + regions(), "handed");
    accepted();
  }

  @Test
  void theyMayComeInPieces() throws IOException {
    String all = regions();
    vmm.tell("text " + all.substring(0, 20), "sent");
    vmm.tell("hand 1 " + all.substring(20, 40), "handed");
    vmm.tell("text " + all.substring(40), "sent");
    accepted();
  }

  @Test
  void theDescriptorMayComeAfterTheRegions() throws IOException {
    vmm.tell("text " + regions(), "sent");
    vmm.tell("hand 1 .", "handed");
    accepted();
  }

  @Test
  void garbageIsRefusedAtOnce() throws IOException {
    vmm.tell("text GET / HTTP/1.1\u001b[2J", "sent");
    HandOverException refused = refused(LONG);
    assertThat(refused)
        .hasMessage("a JSON array of regions was expected, but came: GET / HTTP/1.1 [2J");
    assertThat(refused.guestWaits()).isFalse();
  }

  @Test
  void aTruncatedListIsRefusedInTime() throws IOException {
    vmm.tell("hand 1 " + regions().substring(0, 30), "handed");
    HandOverException refused = refused(BRIEF);
    assertThat(refused).hasMessage("no complete list of regions came in time, but 30 bytes");
    assertThat(refused.guestWaits()).isTrue();
  }

  @Test
  void aPeerThatLeavesIsRefusedAtOnce() throws IOException {
    vmm.tell("text [", "sent");
    vmm.tell("close", "closed");
    assertThat(refused(LONG))
        .hasMessage("the connection was closed after 1 bytes, before all was handed over");
  }

  @Test
  void regionsWithoutADescriptorAreRefused() throws IOException {
    vmm.tell("text " + regions(), "sent");
    HandOverException refused = refused(BRIEF);
    assertThat(refused).hasMessage("the regions came without a userfaultfd");
    assertThat(refused.guestWaits()).isFalse();
  }

  @Test
  void tooManyDescriptorsAreRefused() throws IOException {
    vmm.tell("hand 2 " + regions(), "handed");
    HandOverException refused = refused(LONG);
    assertThat(refused).hasMessage("more than one descriptor came with the regions");
    assertThat(refused.guestWaits()).isTrue();
  }

  @Test
  void oneDescriptorAfterAnotherIsRefused() throws IOException {
    vmm.tell("hand 1 [", "handed");
    vmm.tell("hand 1 " + regions(), "handed");
    assertThat(refused(LONG)).hasMessage("more than one descriptor came with the regions");
  }

  @Test
  void anEndlessListIsRefused() throws IOException {
    vmm.tell("text [" + " ".repeat(70_000), "sent");
    assertThat(refused(LONG)).hasMessage("more than 65536 bytes came as a list of regions");
  }

  @Test
  void regionsWhereNoMemoryIsAreRefused() throws IOException {
    String elsewhere =
        RegionList.write(List.of(new HandedRegion(vmm.address() + (1L << 42), BYTES, 0, 4096)));
    vmm.tell("hand 1 " + elsewhere, "handed");
    HandOverException refused = refused(LONG);
    assertThat(refused).hasMessageContaining("the userfaultfd cannot watch 0x");
    assertThat(refused.guestWaits()).isTrue();
  }

  @Test
  void aWrongPageSizeIsRefused() throws IOException {
    long aligned = (vmm.address() + (2 << 20) - 1) & -(2L << 20);
    MemoryMap half = new MemoryMap(List.of(new Region("mem0", 2 << 20, 4096)));
    vmm.tell(
        "hand 1 " + RegionList.write(List.of(new HandedRegion(aligned, 2 << 20, 0, 2 << 20))),
        "handed");
    HandOverException refused =
        catchThrowableOfType(
            HandOverException.class, () -> HandOver.receive(socket, half, LONG).close());
    assertThat(refused).hasMessageEndingWith("is said to have pages of 2 MiB, and has not");
  }

  @Test
  void whatDoesNotFitTheImageIsRefused() throws IOException {
    vmm.tell(
        "hand 1 " + RegionList.write(List.of(new HandedRegion(vmm.address(), 4096, 0, 4096))),
        "handed");
    assertThat(refused(LONG)).hasMessageContaining("is it another machine's?");
  }

  @Test
  void hugeNumbersAreRefused() throws IOException {
    vmm.tell("hand 1 [{\"size\":123456789012345678901234567890}]", "handed");
    assertThat(refused(BRIEF))
        .hasMessageContaining("no complete list of regions")
        .hasMessageContaining("out of range");
  }

  @Test
  void anInterruptedReceiverGivesUp() throws IOException {
    Thread.currentThread().interrupt();
    assertThat(refused(LONG)).hasMessage("interrupted");
    assertThat(Thread.interrupted()).isTrue();
  }
}
