package org.rekindle.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The calls of the pager thread, against the JVM's own account of what a thread has allocated. */
class AllocationTest {
  private static final int ROUNDS = 10_000;
  private static final long PATIENCE_NS = 60_000_000_000L;

  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /** One round of everything that the pager thread calls. */
  private interface Round {
    void run() throws IOException;
  }

  private long allocatedBytes(Round round, int rounds) throws IOException {
    long before = threads.getCurrentThreadAllocatedBytes();
    for (int i = 0; i < rounds; i++) {
      round.run();
    }
    return threads.getCurrentThreadAllocatedBytes() - before;
  }

  /**
   * Until it is compiled for good, each call makes a small object in the JDK's linker (see Libc);
   * when that is depends on how busy the machine is. One object in any of our calls would make 16
   * bytes or more for every round, for ever.
   */
  private void requireFlat(Round round, int rounds) throws IOException {
    long allocated = allocatedBytes(round, rounds);
    long untilNs = System.nanoTime() + PATIENCE_NS;
    while (allocated >= rounds && System.nanoTime() < untilNs) {
      allocated = allocatedBytes(round, rounds);
    }
    assertThat(allocated).as("bytes in %d rounds", rounds).isLessThan(rounds);
  }

  /** Sends back whatever arrives, on a thread of its own, whose allocations do not count. */
  private static Thread echo(SocketChannel peer) {
    return Thread.ofPlatform()
        .start(() -> {
          ByteBuffer buffer = ByteBuffer.allocateDirect(4096);
          try {
            while (peer.read(buffer.clear()) > 0) {
              peer.write(buffer.flip());
            }
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  @Test
  void nothingIsAllocatedPerCall(@TempDir Path directory) throws Exception {
    Path file = Files.write(directory.resolve("pages"), new byte[64 << 12]);
    try (SocketPair pair = SocketPair.open();
        Poller poller = new Poller(1);
        StoreFile store = StoreFile.open(file);
        Arena arena = Arena.ofShared()) {
      Thread echo = echo(pair.peer());
      MemorySegment buffer = arena.allocate(1 << 16, 1 << 12);
      int socket = poller.add(pair.ours().fd());
      store.sampleResidency();
      Round round =
          () -> {
            store.readCached(8192, buffer, 4096);
            store.readBuffered(4096, buffer, 4096);
            store.isResident(4096, 4096);
            pair.ours().receive(buffer, 0, 100); // would block
            pair.ours().send(buffer, 128, 256);
            poller.interest(socket, true, false);
            poller.poll(-1);
            if (poller.readable(socket)) {
              pair.ours().receive(buffer, 512, 256);
            }
            poller.wake();
            poller.poll(1_000_000);
          };
      Round directRead = () -> store.readDirect(4096, buffer, 8192);
      requireFlat(round, ROUNDS);
      requireFlat(directRead, ROUNDS / 10);
      pair.ours().close();
      echo.join();
    }
  }

  @Test
  void fillingWatchedMemoryAllocatesNothing() throws Exception {
    Userfaultfd uffd;
    try {
      uffd = Userfaultfd.create(0, true);
    } catch (LinuxException refused) {
      abort("no userfaultfd here: " + refused);
      return;
    }
    try (uffd;
        Arena arena = Arena.ofConfined();
        MappedMemory memory = MappedMemory.anonymous(2 << 12)) {
      UffdEvents events = new UffdEvents(16);
      MemorySegment page = arena.allocate(1 << 12, 1 << 12);
      long address = memory.address();
      uffd.register(address, 2 << 12, Userfaultfd.MISSING);
      requireFlat(
          () -> {
            uffd.read(events);
            uffd.copy(address, page, 0, 1 << 12, true);
            uffd.zero(address + (1 << 12), 1 << 12, false);
            uffd.wake(address, 2 << 12);
            memory.discard(0, 2 << 12);
          },
          ROUNDS);
    }
  }

  @Test
  void askingForItsOwnUsage() throws IOException {
    ThreadUsage usage = new ThreadUsage();
    requireFlat(usage::read, ROUNDS);
  }
}
