package org.rekindle.guest.uffd;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;
import org.rekindle.linux.Poller;
import org.rekindle.linux.UnixListener;
import org.rekindle.linux.UnixSocket;
import org.rekindle.linux.Userfaultfd;
import org.rekindle.restore.FaultSink;

/**
 * Real faults of another process, from the poll to the page, against the JVM's own account of what
 * this thread has allocated. (That the pager above it allocates nothing, its own test shows.)
 */
@Timeout(120)
class UffdAllocationTest {
  private static final int WARM_UP_FAULTS = 100; // the first one of a thread looks who it is
  private static final int FAULTS = 10_000;
  private static final int PAGES = WARM_UP_FAULTS + FAULTS;

  /**
   * Until the JIT's last tier has compiled a native call, the JDK makes an object for each (see
   * Libc); when that is depends on how busy the machine is.
   */
  private static final long PATIENCE_NS = 60_000_000_000L;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private static final MemoryMap MEMORY =
      new MemoryMap(List.of(new Region("mem0", PAGES * 4096L, 4096)));

  @TempDir private Path directory;

  /**
   * In a JVM of its own, as a restore is: in one that has run other tests the JIT now and then
   * compiled the native calls in a way that keeps those objects, for good.
   */
  @Test
  void noFaultAllocatesAnything() throws Exception {
    Path program = TestVmm.compile(directory);
    TestVmm.start(program, directory.resolve("none"), PAGES * 4096L).close(); // or it is skipped
    Process alone =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                UffdAllocationTest.class.getName(),
                program.toString(),
                directory.resolve("s").toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String allocated = new String(alone.getInputStream().readAllBytes(), UTF_8).strip();
    assertThat(alone.waitFor()).isZero();
    assertThat(Long.parseLong(allocated)).as("bytes in %d faults", FAULTS).isLessThan(FAULTS);
  }

  /**
   * Prints how many bytes were allocated, for a VMM (1st argument) that comes to a socket (2nd).
   */
  public static void main(String[] arguments) throws Exception {
    Path path = Path.of(arguments[1]);
    long features = Userfaultfd.FEATURE_EVENT_REMOVE | Userfaultfd.FEATURE_THREAD_ID;
    try (UnixListener listener = UnixListener.bind(path, UnixListener.OWNER_ONLY);
        TestVmm vmm = TestVmm.start(Path.of(arguments[0]), path, PAGES * 4096L, 4096, features)) {
      vmm.handOver();
      try (Peer peer = new Peer(accept(listener));
          AddressSpace space = HandOver.receive(peer.socket(), MEMORY, Duration.ofSeconds(60));
          UffdGuest guest = new UffdGuest(MEMORY, space, peer)) {
        long untilNs = System.nanoTime() + PATIENCE_NS;
        long allocated;
        do {
          vmm.tell("sweep 0 " + PAGES);
          allocated = allocatedBytes(guest);
          vmm.await("swept 0");
          vmm.tell("discard 0 " + PAGES);
          guest.await(-1);
          guest.drainFaults(new Answers(guest));
          vmm.await("discarded 0");
        } while (allocated >= FAULTS && System.nanoTime() < untilNs);
        System.out.println(allocated);
      }
    }
  }

  private static UnixSocket accept(UnixListener listener) throws IOException {
    try (Poller poller = new Poller(1)) {
      poller.interest(poller.add(listener.fd()), true, false);
      poller.poll(-1);
      return listener.accept().orElseThrow();
    }
  }

  private static long allocatedBytes(UffdGuest guest) throws IOException {
    Answers answers = new Answers(guest);
    long before = 0;
    while (answers.count < PAGES) {
      guest.await(-1);
      guest.drainFaults(answers);
      answers.place();
      if (answers.count <= WARM_UP_FAULTS) {
        before = THREADS.getCurrentThreadAllocatedBytes();
      }
    }
    return THREADS.getCurrentThreadAllocatedBytes() - before;
  }

  /** Answers each fault by a page, with two neighbours before it that are there already. */
  private static final class Answers implements FaultSink {
    private final UffdGuest guest;
    private final MemorySegment data = Arena.ofAuto().allocate(3 * 4096, 4096);
    private int wanted = -1;
    private int count;

    Answers(UffdGuest guest) {
      this.guest = guest;
    }

    @Override
    public void fault(int page, int pages, long arrivalNs, int vcpu, boolean write) {
      wanted = page;
    }

    @Override
    public void removed(int page, int pages) {}

    void place() throws IOException {
      if (wanted >= 0) {
        int first = Math.max(0, wanted - 2);
        int pages = wanted + 1 - first;
        boolean zeros = wanted % 2 == 0;
        if (guest.place(first, pages, zeros ? null : data, 0, true) == pages) {
          wanted = -1;
          count++;
        }
      }
    }
  }
}
