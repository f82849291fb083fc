package org.rekindle.guest.uffd;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.linux.Poller;
import org.rekindle.linux.UffdEvents;
import org.rekindle.linux.UnixListener;
import org.rekindle.linux.UnixSocket;
import org.rekindle.linux.Userfaultfd;

/** Threads that wait for pages, and come again, just when nobody watches them any more. */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD) // who reads a pipe hears no interrupt
class EndOfWatchingTest {
  private static final int PAGES = 64;
  private static final int BYTES = PAGES * TestVmm.PAGE;
  private static final int THREADS = 16;

  /** Without a wake behind it, unregistering left a thread waiting in every run of so many. */
  private static final int ROUNDS = 500;

  @TempDir private Path directory;

  @Test
  void nobodyWaitsForPagesThatNobodyWatches() throws Exception {
    Path path = directory.resolve("s");
    Path program = TestVmm.compile(directory);
    try (UnixListener listener = UnixListener.bind(path, UnixListener.OWNER_ONLY);
        TestVmm vmm = TestVmm.start(program, path, BYTES, TestVmm.PAGE, 0);
        UnixSocket socket = accepted(listener, vmm)) {
      vmm.tell("hand 1 " + RegionList.write(vmm.regions()), "handed");
      try (Userfaultfd uffd = HandOver.receiveDescriptor(socket, Duration.ofMinutes(1))) {
        for (int round = 0; round < ROUNDS; round++) {
          assertThat(uffd.register(vmm.address(), BYTES, Userfaultfd.MISSING)).isPositive();
          sweepUntilOneWaits(vmm, uffd);
          assertThat(uffd.unregister(vmm.address(), BYTES)).isZero();
          for (int thread = 0; thread < THREADS; thread++) {
            vmm.await("swept " + thread);
          }
          vmm.tell("discard 0 " + PAGES, "discarded 0");
        }
      }
    }
  }

  private static UnixSocket accepted(UnixListener listener, TestVmm vmm) throws IOException {
    vmm.connect();
    try (Poller poller = new Poller(1)) {
      poller.interest(poller.add(listener.fd()), true, false);
      poller.poll(-1);
    }
    return listener.accept().orElseThrow();
  }

  private static void sweepUntilOneWaits(TestVmm vmm, Userfaultfd uffd) throws IOException {
    for (int thread = 0; thread < THREADS; thread++) {
      vmm.tell("sweep %d %d".formatted(thread, PAGES - THREADS));
    }
    UffdEvents events = new UffdEvents(THREADS);
    while (uffd.read(events) == 0) {
      Thread.onSpinWait();
    }
  }
}
