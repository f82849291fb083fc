package org.rekindle.guest.criu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.guest.uffd.OnFailure;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.MemoryMap;
import org.rekindle.linux.LinuxException;
import org.rekindle.linux.MappedMemory;
import org.rekindle.linux.ProcessMemory;
import org.rekindle.linux.UnixSocket;
import org.rekindle.linux.Userfaultfd;
import org.rekindle.restore.Cause;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Restore;
import org.rekindle.restore.Strategy;

/**
 * This process plays CRIU, good and bad, and the process that is restored. Memory that may be
 * missing is read by system calls: a thread of a JVM must not wait for a page elsewhere.
 */
@Timeout(60)
class CriuGuestTest {
  private static final int PAGE = MemoryMap.PAGE_BYTES;

  /** Registered with the userfaultfd. */
  private static final int PAGES = 40;

  /** In the image, from the first on: page {@code i} is full of {@code i + 1}. */
  private static final int SAVED = 24;

  private static final int PID = 4711;
  private static final long FEATURES =
      Userfaultfd.FEATURE_EVENT_FORK
          | Userfaultfd.FEATURE_EVENT_REMAP
          | Userfaultfd.FEATURE_EVENT_UNMAP
          | Userfaultfd.FEATURE_EVENT_REMOVE;

  @TempDir private Path folder;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment buffer = arena.allocate(64, 8);
  private MappedMemory memory;
  private Userfaultfd uffd;
  private Image image;
  private LazyPagesSocket listening;
  private UnixSocket criu;

  @BeforeEach
  void begin() throws IOException {
    try {
      uffd = Userfaultfd.create(FEATURES, false);
    } catch (LinuxException refused) {
      abort("no userfaultfd here: " + refused);
    }
    memory = MappedMemory.anonymous((long) PAGES * PAGE);
    assertThat(uffd.register(memory.address(), (long) PAGES * PAGE, Userfaultfd.MISSING))
        .isPositive();
    image = Image.open(imported(dump("dump", 1), "image"));
    listening = LazyPagesSocket.listen(folder.resolve(LazyPagesSocket.NAME), image);
    criu = UnixSocket.connect(folder.resolve(LazyPagesSocket.NAME));
  }

  @AfterEach
  void end() throws IOException {
    uffd.close();
    criu.close();
    listening.close();
    image.close();
    memory.close();
    arena.close();
  }

  private Path dump(String name, int fill) throws IOException {
    long from = memory.address();
    return new DumpBuilder(folder.resolve(name))
        .task(PID, from, from + (long) PAGES * PAGE)
        .pages(from, SAVED, DumpBuilder.PRESENT_LAZY, fill)
        .done()
        .zombie(PID + 1)
        .task(PID + 2, 0x10000, 0x20000)
        .pages(0x10000, 3, DumpBuilder.PRESENT_LAZY, 77)
        .done()
        .done();
  }

  private Path imported(Path dump, String name) throws IOException {
    Path made = folder.resolve(name);
    try (CriuImport work = new CriuImport(dump, made, ImageWriter.Options.DEFAULT, (_, _) -> {})) {
      work.run();
    }
    return made;
  }

  private static <T> FutureTask<T> start(Callable<T> task) {
    FutureTask<T> future = new FutureTask<>(task);
    Thread.ofPlatform().start(future);
    return future;
  }

  private void say(int number) throws IOException {
    buffer.set(JAVA_INT, 0, number);
    assertThat(criu.send(buffer, 0, Integer.BYTES)).isEqualTo(Integer.BYTES);
  }

  /** Hands the userfaultfd over and keeps none, as CRIU's processes do. */
  private void hand(int pid) throws IOException {
    say(pid);
    assertThat(criu.send(buffer, 0, 1, uffd.fd())).isEqualTo(1);
    uffd.close();
  }

  private FutureTask<Outcome> restore(Strategy strategy) throws IOException {
    CriuGuest guest = listening.accept(OnFailure.KILL);
    Restore restore =
        new Restore(image, guest, strategy.plan(image, new Strategy.Options(1_000_000, 0)));
    return start(() -> {
      try (guest) {
        return restore.run();
      }
    });
  }

  private byte read(int page) throws IOException {
    MemorySegment into = arena.allocate(1);
    long address = memory.address() + (long) page * PAGE;
    ProcessMemory.read(ProcessHandle.current().pid(), address, into);
    return into.get(JAVA_BYTE, 0);
  }

  @Test
  void processesGetTheirPagesAndAreLetGo() throws Exception {
    FutureTask<Outcome> restore = restore(Strategy.EAGER);
    hand(PID);
    say(-(PID + 1));
    say(RestoreTalk.FINISHED);
    Outcome outcome = restore.get();
    for (int page = 0; page < PAGES; page++) {
      assertThat(memory.segment().get(JAVA_BYTE, (long) page * PAGE))
          .isEqualTo((byte) (page < SAVED ? page + 1 : 0));
    }
    assertThat(outcome.tally().placed()).isEqualTo(SAVED + 3);
    assertThat(outcome.tally().placed(Cause.REMOVED)).as("of who did not come").isEqualTo(3);
    assertThat(outcome.firstInstructionNs()).isPositive();
  }

  @Test
  void whatCriuWaitsForBeforeItHasFinishedIsServed() throws Exception {
    FutureTask<Outcome> restore = restore(Strategy.LAZY);
    hand(PID);
    assertThat(read(5)).isEqualTo((byte) 6);
    assertThat(read(SAVED - 1)).isEqualTo((byte) SAVED);
    assertThat(read(PAGES - 1)).as("not in the image").isZero();
    say(RestoreTalk.FINISHED);
    Outcome outcome = restore.get();
    assertThat(outcome.tally().placed(Cause.DEMAND)).isEqualTo(2);
    assertThat(outcome.faults().size()).isEqualTo(2);
    assertThat(outcome.faults().arrivalNs(0)).isLessThan(outcome.firstInstructionNs());
  }

  @Test
  void numbersMayComeInPieces() throws Exception {
    FutureTask<Outcome> restore = restore(Strategy.EAGER);
    buffer.set(JAVA_INT, 0, PID);
    for (int i = 0; i < Integer.BYTES; i++) {
      criu.send(buffer, i, 1);
    }
    criu.send(buffer, 0, 1, uffd.fd());
    uffd.close();
    buffer.set(JAVA_INT, 0, RestoreTalk.FINISHED);
    criu.send(buffer, 0, 3);
    criu.send(buffer, 3, 1);
    restore.get();
    assertThat(read(0)).isEqualTo((byte) 1);
  }

  @Test
  void aRestoreThatCriuGivesUpFailsAndNobodyReadsZeros() throws Exception {
    FutureTask<Outcome> restore = restore(Strategy.EAGER);
    hand(PID);
    assertThat(read(3)).isEqualTo((byte) 4);
    criu.close();
    assertFails(restore, "the guest went away");
    assertPoisoned();
  }

  @Test
  void aCancelledRestoreLeavesNobodyWithZeros() throws Exception {
    CriuGuest guest = listening.accept(OnFailure.LEAVE);
    Restore restore = new Restore(image, guest, Strategy.recording(image));
    FutureTask<Outcome> running = start(restore::run);
    hand(PID);
    say(RestoreTalk.FINISHED);
    assertThat(read(3)).isEqualTo((byte) 4);
    restore.cancel();
    assertThatThrownBy(running::get).hasCauseInstanceOf(CancellationException.class);
    guest.close();
    assertThat(guest.fate().orElseThrow()).startsWith("1 of 1 PROCESSES WERE LEFT: they get a");
    assertPoisoned();
  }

  private void assertPoisoned() throws IOException {
    assertThat(read(3)).as("what is in stays").isEqualTo((byte) 4);
    assertThat(read(PAGES - 1)).as("what is not in the image").isZero();
    try (Userfaultfd other = Userfaultfd.create(0, false);
        MappedMemory probe = MappedMemory.anonymous(PAGE)) {
      other.register(probe.address(), PAGE, Userfaultfd.MISSING);
      assumeTrue(other.poison(probe.address(), PAGE) == PAGE, "no UFFDIO_POISON before Linux 6.6");
    }
    for (int page : new int[] {0, 4, SAVED - 1}) {
      assertThatThrownBy(() -> read(page)).hasMessageContaining("EFAULT");
    }
  }

  private static void assertFails(FutureTask<Outcome> restore, String... words) {
    assertThatThrownBy(restore::get)
        .isInstanceOf(ExecutionException.class)
        .cause()
        .isInstanceOf(IOException.class)
        .hasMessageContainingAll(words);
  }

  @Test
  void aProcessThatTheImageHasNotIsRefused() throws Exception {
    FutureTask<Outcome> restore = restore(Strategy.EAGER);
    hand(PID + 7);
    assertFails(restore, "process " + (PID + 7), "made of another dump");
  }

  @Test
  void aProcessThatComesTwiceIsRefused() throws Exception {
    FutureTask<Outcome> restore = restore(Strategy.EAGER);
    try (Userfaultfd second = Userfaultfd.create(FEATURES, false)) {
      hand(PID);
      say(PID);
      criu.send(buffer, 0, 1, second.fd());
      assertFails(restore, "process " + PID, "twice");
    }
  }

  @Test
  void whoDoesNotTalkLikeCriuIsRefused() throws Exception {
    FutureTask<Outcome> restore = restore(Strategy.EAGER);
    say(0);
    assertFails(restore, "is not 'criu restore --lazy-pages' of CRIU 4", "process 0");
  }

  @Test
  void aProcessWithoutADescriptorIsRefused() throws Exception {
    FutureTask<Outcome> restore = restore(Strategy.EAGER);
    say(PID);
    criu.send(buffer, 0, 1);
    assertFails(restore, "without exactly one descriptor");
  }

  @Test
  void aDescriptorOfSomethingElseIsRefused() throws Exception {
    FutureTask<Outcome> restore = restore(Strategy.EAGER);
    say(PID);
    criu.send(buffer, 0, 1, criu.fd());
    assertFails(restore, "no userfaultfd but socket");
  }

  @Test
  void aDescriptorInTheMiddleOfANumberIsRefused() throws Exception {
    FutureTask<Outcome> restore = restore(Strategy.EAGER);
    criu.send(buffer, 0, 2, uffd.fd());
    assertFails(restore, "a descriptor where a process id was expected");
  }

  @Test
  void theRestoreOfAnotherDumpIsRefused() throws Exception {
    Path other = dump("other", 2); // of the same processes at the same places
    try (DirectoryStream<Path> _ = Files.newDirectoryStream(other)) { // as CRIU holds it open
      assertThatThrownBy(() -> listening.accept(OnFailure.KILL))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("CRIU restores the dump in " + other);
    }
  }

  @Test
  void theRestoreOfTheSameDumpIsNot() throws Exception {
    try (DirectoryStream<Path> _ = Files.newDirectoryStream(folder.resolve("dump"))) {
      listening.accept(OnFailure.KILL).close();
    }
  }

  @Test
  void anImageOfAnotherKindIsRefused() throws Exception {
    listening.close();
    Path qemu = folder.resolve("qemu");
    try (ImageWriter writer =
        ImageWriter.create(qemu, image.memory(), ImageWriter.Options.DEFAULT)) {
      writer.commit(
          new org.rekindle.image.Manifest(
              "qemu", java.time.Instant.EPOCH, image.memory(), java.util.Map.of()));
    }
    try (Image other = Image.open(qemu)) {
      assertThatThrownBy(() -> LazyPagesSocket.listen(folder.resolve(LazyPagesSocket.NAME), other))
          .hasMessageContaining("kind qemu");
    }
  }
}
