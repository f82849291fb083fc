package org.rekindle.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The kernel's own answers, on memory of this process. A thread of a JVM that waits in a fault must
 * be inside a system call: in Java code it would never reach a safepoint, and the JVM stand still.
 */
@Timeout(60)
class UserfaultfdTest {
  private static final int PAGE = 4096;
  private static final long FEATURES =
      Userfaultfd.FEATURE_EVENT_REMOVE
          | Userfaultfd.FEATURE_EVENT_UNMAP
          | Userfaultfd.FEATURE_THREAD_ID
          | Userfaultfd.FEATURE_MINOR_SHMEM
          | Userfaultfd.FEATURE_WRITE_PROTECT;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment pages = arena.allocate(16 * PAGE, PAGE);
  private final UffdEvents events = new UffdEvents(8);
  private Userfaultfd uffd;
  private MappedMemory memory;

  @BeforeEach
  void watch() throws IOException {
    uffd = create();
    memory = MappedMemory.anonymous(16 * PAGE);
    long ioctls = uffd.register(memory.address(), 16 * PAGE, Userfaultfd.MISSING);
    assertThat(Userfaultfd.allowsZero(ioctls)).isTrue();
    for (int i = 0; i < 16; i++) {
      pages.asSlice((long) i * PAGE, PAGE).fill((byte) (100 + i));
    }
  }

  private static Userfaultfd create() throws IOException {
    try {
      return Userfaultfd.create(FEATURES, false);
    } catch (LinuxException refused) {
      return abort("no userfaultfd here: " + refused);
    }
  }

  @AfterEach
  void close() {
    uffd.close(); // first, so that whoever still waits is let go
    memory.close();
    arena.close();
  }

  private static <T> FutureTask<T> start(Callable<T> task) {
    FutureTask<T> future = new FutureTask<>(task);
    Thread.ofPlatform().start(future);
    return future;
  }

  /** Reads a byte of the memory by a system call, which may wait. */
  private FutureTask<Byte> readLater(long offset) {
    return start(() -> {
      try (Arena own = Arena.ofConfined()) {
        MemorySegment into = own.allocate(1);
        ProcessMemory.read(ProcessHandle.current().pid(), memory.address() + offset, into);
        return into.get(JAVA_BYTE, 0);
      }
    });
  }

  /** Waits for events, without end: the test has a time limit. */
  private int awaitEvents() throws IOException {
    int read = uffd.read(events);
    while (read == 0) {
      Thread.onSpinWait();
      read = uffd.read(events);
    }
    return read;
  }

  private byte at(long offset) {
    return memory.segment().get(JAVA_BYTE, offset);
  }

  @Test
  void whatWasCopiedIsThereAndWhatIsThereIsNotReplaced() {
    assertThat(uffd.copy(memory.address() + PAGE, pages, 3 * PAGE, 2 * PAGE, true))
        .isEqualTo(2 * PAGE);
    assertThat(at(PAGE)).isEqualTo((byte) 103);
    assertThat(at(3 * PAGE - 1)).isEqualTo((byte) 104);
    assertThat(uffd.copy(memory.address() + PAGE, pages, 0, PAGE, true)).isEqualTo(-Errno.EEXIST);
    assertThat(at(PAGE)).isEqualTo((byte) 103);
  }

  @Test
  void aRunEndsBeforeThePageThatIsThere() {
    assertThat(uffd.zero(memory.address() + 2 * PAGE, PAGE, true)).isEqualTo(PAGE);
    assertThat(uffd.copy(memory.address(), pages, 0, 4 * PAGE, true)).isEqualTo(2 * PAGE);
    assertThat(uffd.zero(memory.address() + PAGE, 4 * PAGE, true)).isEqualTo(-Errno.EEXIST);
    assertThat(uffd.zero(memory.address() + 3 * PAGE, 4 * PAGE, true)).isEqualTo(4 * PAGE);
    assertThat(at(2 * PAGE)).isZero();
    assertThat(at(6 * PAGE)).isZero();
  }

  @Test
  void whatWasPoisonedIsNotZeroWhenNobodyWatchesAnyMore() throws IOException {
    assertThat(uffd.copy(memory.address() + PAGE, pages, 0, PAGE, true)).isEqualTo(PAGE);
    long done = uffd.poison(memory.address(), 4 * PAGE);
    assumeTrue(done != -Errno.EINVAL, "no UFFDIO_POISON before Linux 6.6");
    assertThat(done).as("up to what is there").isEqualTo(PAGE);
    assertThat(uffd.poison(memory.address() + PAGE, PAGE)).isEqualTo(-Errno.EEXIST);
    assertThat(uffd.poison(memory.address() + 2 * PAGE, 2 * PAGE)).isEqualTo(2 * PAGE);
    uffd.close();
    assertThat(at(PAGE)).isEqualTo((byte) 100);
    assertThat(at(4 * PAGE)).isZero();
    for (long page : new long[] {0, 2, 3}) {
      assertThatThrownBy(() -> readLater(page * PAGE).get()).hasMessageContaining("EFAULT");
    }
  }

  @Test
  void whereNothingIsWatchedIsAnOutcome() throws IOException {
    try (MappedMemory other = MappedMemory.anonymous(PAGE)) {
      assertThat(uffd.copy(other.address(), pages, 0, PAGE, true)).isEqualTo(-Errno.ENOENT);
      assertThat(uffd.zero(other.address(), PAGE, true)).isEqualTo(-Errno.ENOENT);
    }
    assertThat(uffd.copy(memory.address() + 1, pages, 0, PAGE, true)).isEqualTo(-Errno.EINVAL);
    assertThat(uffd.register(memory.address() + (1L << 40), PAGE, Userfaultfd.MISSING))
        .isNegative();
    assertThat(uffd.unregister(memory.address(), 16 * PAGE)).isZero();
    assertThat(uffd.copy(memory.address(), pages, 0, PAGE, true)).isEqualTo(-Errno.ENOENT);
  }

  @Test
  void aFaultIsReadAndEndsWithTheCopy() throws Exception {
    assertThat(uffd.read(events)).isZero();
    FutureTask<Byte> reader = readLater(5 * PAGE + 17);
    assertThat(awaitEvents()).isEqualTo(1);
    assertThat(events.type(0)).isEqualTo(UffdEvents.PAGEFAULT);
    assertThat(events.address(0)).isEqualTo(memory.address() + 5 * PAGE);
    assertThat(events.write(0)).isFalse();
    assertThat(events.minor(0)).isFalse();
    assertThat(events.thread(0)).as("a thread of ours").isPositive();
    assertThat(reader.isDone()).isFalse();
    uffd.copy(memory.address() + 5 * PAGE, pages, 5 * PAGE, PAGE, true);
    assertThat(reader.get()).isEqualTo((byte) 105);
  }

  @Test
  void whoWasNotWokenIsWokenByHand() throws Exception {
    FutureTask<Byte> reader = readLater(0);
    awaitEvents();
    assertThat(uffd.copy(memory.address(), pages, PAGE, PAGE, false)).isEqualTo(PAGE);
    assertThat(uffd.wake(memory.address(), PAGE)).isZero();
    assertThat(reader.get()).isEqualTo((byte) 101);
  }

  @Test
  void aWriteToAProtectedPageWaits() throws Exception {
    int both = Userfaultfd.MISSING | Userfaultfd.WRITE_PROTECT;
    uffd.register(memory.address(), 16 * PAGE, both);
    uffd.copy(memory.address(), pages, 0, PAGE, true);
    assertThat(uffd.writeProtect(memory.address(), PAGE, true)).isZero();
    try (SocketPair pair = SocketPair.open()) {
      pair.peer().write(java.nio.ByteBuffer.wrap(new byte[] {42}));
      FutureTask<Integer> writer = start(() -> pair.ours().receive(memory.segment(), 0, 1));
      awaitEvents();
      assertThat(events.write(0)).isTrue();
      assertThat(events.writeProtected(0)).isTrue();
      assertThat(uffd.writeProtect(memory.address(), PAGE, false)).isZero();
      assertThat(writer.get()).isEqualTo(1);
    }
    assertThat(at(0)).isEqualTo((byte) 42);
  }

  @Test
  void nothingIsFilledWhileAGivenBackRangeIsUnread() throws Exception {
    uffd.copy(memory.address(), pages, 0, 8 * PAGE, true);
    FutureTask<Boolean> balloon =
        start(() -> {
          memory.discard(2 * PAGE, 3 * PAGE);
          return true;
        });
    long answer;
    do { // until the balloon has come so far
      answer = uffd.copy(memory.address() + 8 * PAGE, pages, 0, PAGE, true);
      uffd.zero(memory.address() + 9 * PAGE, PAGE, true);
    } while (answer != -Errno.EAGAIN);
    assertThat(balloon.isDone()).isFalse();
    awaitEvents();
    assertThat(events.type(0)).isEqualTo(UffdEvents.REMOVE);
    assertThat(events.start(0)).isEqualTo(memory.address() + 2 * PAGE);
    assertThat(events.end(0)).isEqualTo(memory.address() + 5 * PAGE);
    assertThat(balloon.get()).isTrue();
    assertThat(uffd.zero(memory.address() + 3 * PAGE, PAGE, true)).isEqualTo(PAGE);
    assertThat(at(3 * PAGE)).isZero();
  }

  @Test
  void theEndOfAMappingIsAnEvent() throws Exception {
    MappedMemory other = MappedMemory.anonymous(4 * PAGE);
    long address = other.address();
    uffd.register(address, 4 * PAGE, Userfaultfd.MISSING);
    FutureTask<Boolean> unmapping =
        start(() -> {
          other.close();
          return true;
        });
    awaitEvents();
    assertThat(events.type(0)).isEqualTo(UffdEvents.UNMAP);
    assertThat(events.end(0) - events.start(0)).isEqualTo(4 * PAGE);
    assertThat(unmapping.get()).isTrue();
    assertThat(uffd.copy(address, pages, 0, PAGE, true)).isEqualTo(-Errno.ENOENT);
  }

  @Test
  void pagesOfAMemoryFileAreMappedWhenTouched() throws Exception {
    try (MemoryFile file = MemoryFile.create("rekindle-test", 4 * PAGE, false);
        MappedMemory writer = MappedMemory.of(file, 0, 4 * PAGE);
        MappedMemory watched = MappedMemory.of(file, 0, 4 * PAGE)) {
      writer.segment().fill((byte) 9);
      assertThat(uffd.register(watched.address(), 4 * PAGE, Userfaultfd.MINOR)).isPositive();
      FutureTask<Byte> reader =
          start(() -> {
            try (Arena own = Arena.ofConfined()) {
              MemorySegment into = own.allocate(1);
              ProcessMemory.read(ProcessHandle.current().pid(), watched.address() + PAGE, into);
              return into.get(JAVA_BYTE, 0);
            }
          });
      awaitEvents();
      assertThat(events.minor(0)).isTrue();
      assertThat(uffd.map(watched.address() + PAGE, PAGE, true)).isEqualTo(PAGE);
      assertThat(reader.get()).isEqualTo((byte) 9);
      assertThat(uffd.map(watched.address() + PAGE, PAGE, true)).isEqualTo(-Errno.EEXIST);
      assertThat(uffd.unregister(watched.address(), 4 * PAGE)).isZero();
      writer.remove(0, PAGE);
      assertThat(watched.segment().get(JAVA_BYTE, 0)).isZero();
      writer.discard(PAGE, PAGE);
      assertThat(writer.segment().get(JAVA_BYTE, PAGE)).as("still in the file").isEqualTo((byte) 9);
    }
  }

  @Test
  void featuresAreThoseWantedThatTheKernelHas() throws IOException {
    assertThat(uffd.features() & ~FEATURES).isZero();
    assertThat(uffd.features() & Userfaultfd.FEATURE_EVENT_REMOVE).isNotZero();
    try (Userfaultfd all = Userfaultfd.create(-1L, true)) {
      assertThat(all.features()).isPositive();
    }
  }

  @Test
  void aStrangersDescriptorIsTakenOverAndNothingElseIs() throws IOException {
    Descriptor event = new Descriptor(Libc.eventfd(0, Abi.EFD_CLOEXEC));
    assertThatThrownBy(() -> Userfaultfd.adopt(event))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the descriptor is no userfaultfd but anon_inode:[eventfd]");
    assertThat(event.fd()).isEqualTo(-1);
    int fd = Libc.userfaultfd(Abi.O_CLOEXEC | Abi.UFFD_USER_MODE_ONLY); // blocking
    try (Userfaultfd adopted = Userfaultfd.adopt(new Descriptor(fd))) {
      assertThat(adopted.register(memory.address(), PAGE, Userfaultfd.MISSING))
          .as("nobody has negotiated")
          .isEqualTo(-Errno.EINVAL);
    }
  }
}
