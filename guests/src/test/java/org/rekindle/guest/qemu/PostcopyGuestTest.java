package org.rekindle.guest.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;
import org.rekindle.linux.UnixSocket;

@Timeout(30)
class PostcopyGuestTest {
  private static final MemoryMap MEMORY =
      new MemoryMap(
          List.of(
              new Region("pc.ram", 900 * 4096, 4096),
              new Region("/rom@etc/acpi/tables", 32 * 4096, 4096),
              new Region("pc.bios", 4096, 4096)));
  private static final SavedMachine MACHINE = new SavedMachine("pc-q35-7.2", "", 2, "7.2.22", true);
  private static final byte[] DEVICES = new byte[300_000];
  private static final PostcopyDestination.Behaviour WELL_BEHAVED =
      new PostcopyDestination.Behaviour() {};

  static {
    new Random(7).nextBytes(DEVICES);
  }

  @TempDir Path directory;

  private final byte[] content = new byte[(int) MEMORY.bytes()];
  private final long seed = System.nanoTime();
  private final Random random = new Random(seed);

  private PostcopyDestination destination(PostcopyDestination.Behaviour behaviour)
      throws IOException {
    for (int page = 0; page < MEMORY.pages(); page++) {
      if (random.nextInt(3) > 0) {
        byte[] data = new byte[4096];
        random.nextBytes(data);
        System.arraycopy(data, 0, content, page * 4096, 4096);
      }
    }
    return new PostcopyDestination(directory, MEMORY, DEVICES.length, behaviour);
  }

  @Test
  void demandedPagesTakeAConnectionOfTheirOwnWhereThereIsOne() throws IOException {
    List<Integer> early = List.of(5, 899, 900, 931, 932);
    List<Integer> wanted = new ArrayList<>(early);
    PostcopyDestination.Behaviour asking =
        new PostcopyDestination.Behaviour() {
          private int times;

          @Override
          public void listening(PostcopyDestination destination) throws IOException {
            for (int page : early) {
              destination.request(page);
            }
          }

          @Override
          public void running(PostcopyDestination destination) throws IOException {
            int page = 37 * ++times;
            if (page < 800) {
              wanted.add(page);
              destination.request(page);
            }
          }
        };
    destination(WELL_BEHAVED).close(); // makes the content
    Files.delete(directory.resolve("destination.sock"));
    try (PostcopyDestination destination =
        new PostcopyDestination(directory, MEMORY, DEVICES.length, asking, true)) {
      PostcopyLoop loop;
      try (PostcopyGuest guest =
          new PostcopyGuest(
              UnixSocket.connect(destination.path()),
              UnixSocket.connect(destination.path()),
              MEMORY,
              MACHINE,
              DEVICES)) {
        loop = new PostcopyLoop(guest, content, shuffled(), 0);
        assertThat(loop.run()).as("seed %d", seed).isTrue();
      }
      destination.join();
      assertThat(loop.faults).containsExactlyElementsOf(wanted);
      assertThat(destination.preempted).isNotEmpty();
      assertThat(wanted).containsAll(destination.preempted);
      assertThat(Arrays.equals(destination.content, content)).as("seed %d", seed).isTrue();
    }
  }

  private PostcopyGuest guest(PostcopyDestination destination, int sendBufferBytes)
      throws IOException {
    UnixSocket socket = UnixSocket.connect(destination.path());
    if (sendBufferBytes == 0) {
      return new PostcopyGuest(socket, MEMORY, MACHINE, DEVICES);
    }
    socket.sendBufferBytes(sendBufferBytes);
    return new PostcopyGuest(socket, null, MEMORY, MACHINE, DEVICES, sendBufferBytes);
  }

  private List<Integer> shuffled() {
    List<Integer> pages = new ArrayList<>();
    for (int page = 0; page < MEMORY.pages(); page++) {
      pages.add(page);
    }
    Collections.shuffle(pages, random);
    return pages;
  }

  /** Restores with so many pages before the start; checks all that can be seen from outside. */
  private PostcopyLoop restore(
      int before, int sendBufferBytes, PostcopyDestination.Behaviour behaviour) throws IOException {
    try (PostcopyDestination destination = destination(behaviour)) {
      PostcopyLoop loop;
      boolean finished;
      try (PostcopyGuest guest = guest(destination, sendBufferBytes)) {
        loop = new PostcopyLoop(guest, content, shuffled(), before);
        finished = loop.run();
      }
      destination.join();
      assertThat(finished).as("seed %d", seed).isTrue();
      assertThat(destination.machineType).isEqualTo("pc-q35-7.2");
      assertThat(destination.deviceState).isEqualTo(DEVICES);
      assertThat(destination.pings).startsWith(1, 2, 3, 0x42, 4);
      assertThat(Arrays.equals(destination.content, content)).as("seed %d", seed).isTrue();
      return loop;
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 450, 932, 933})
  void anyNumberOfPagesMayBePlacedBeforeTheStart(int before) throws IOException {
    restore(before, 0, WELL_BEHAVED);
  }

  @Test
  void aSlowReaderWithTinyBuffersGetsEverything() throws IOException {
    restore(
        300,
        4096,
        new PostcopyDestination.Behaviour() {
          @Override
          public int mostBytesAtOnce() {
            return 100;
          }
        });
  }

  @Test
  void faultsWhileThePackageIsLoadedAreAnswered() throws IOException {
    List<Integer> wanted = List.of(5, 899, 900, 931, 932);
    PostcopyLoop loop =
        restore(
            0,
            4096,
            new PostcopyDestination.Behaviour() {
              @Override
              public void listening(PostcopyDestination destination) throws IOException {
                for (int page : wanted) {
                  destination.request(page);
                }
              }
            });
    assertThat(loop.faults).containsExactlyElementsOf(wanted);
  }

  @Test
  void aDemandedPageOvertakesWhatIsNotSentYet() throws IOException {
    int wanted = 901;
    try (PostcopyDestination destination = destination(WELL_BEHAVED);
        PostcopyGuest guest = guest(destination, 4096);
        Arena arena = Arena.ofConfined()) {
      MemorySegment source = arena.allocate(MEMORY.bytes());
      guest.start();
      for (int page = 0; page < 400; page++) {
        assertThat(guest.place(page, 1, source, page * 4096L, false)).isEqualTo(1);
      }
      assertThat(guest.ready()).isFalse();
      guest.place(wanted, 1, source, wanted * 4096L, true);
      flush(guest);
      while (destination.placedOrder.size() < 401) {
        Thread.onSpinWait();
        destination.throwIfViolated();
      }
      assertThat(destination.placedOrder.indexOf(wanted)).isZero();
    }
  }

  @Test
  void noMoreBatchesAreUnderWayThanTheWindowAllows() throws Exception {
    CountDownLatch go = new CountDownLatch(1);
    try (PostcopyDestination destination = destination(waitingFor(go));
        PostcopyGuest guest = guest(destination, 0)) {
      guest.start();
      flush(guest);
      int page = 0;
      while (guest.ready()) {
        guest.place(page++, 1, null, 0, false);
        assertThat(guest.flush()).isTrue(); // a few bytes: the socket has room for much more
      }
      assertThat(page).isLessThan(10);
      go.countDown();
      while (!guest.ready()) {
        guest.await(1_000_000_000);
        guest.drainFaults(PageRequests.IGNORED);
      }
      destination.throwIfViolated();
    }
  }

  /** Takes nothing behind the package before it may. */
  private static PostcopyDestination.Behaviour waitingFor(CountDownLatch go) {
    return new PostcopyDestination.Behaviour() {
      @Override
      public void listening(PostcopyDestination destination) throws IOException {
        try {
          go.await();
        } catch (InterruptedException interrupted) {
          throw new IOException(interrupted);
        }
      }
    };
  }

  private static void flush(PostcopyGuest guest) throws IOException {
    while (!guest.flush()) {
      guest.await(1_000_000_000);
    }
  }

  @Test
  void requestsMayComeTwiceAndInBothForms() throws IOException {
    List<Integer> wanted = new ArrayList<>();
    PostcopyLoop loop =
        restore(
            100,
            8192,
            new PostcopyDestination.Behaviour() {
              private int times;

              @Override
              public void running(PostcopyDestination destination) throws IOException {
                if (times++ < 20) {
                  int gpn = (int) (37L * times % 900);
                  destination.request(0, gpn * 4096L, 4096, true);
                  destination.request(0, gpn * 4096L, 4096, false);
                  wanted.addAll(List.of(gpn, gpn));
                }
              }
            });
    assertThat(loop.faults).containsExactlyElementsOf(wanted);
  }

  @Test
  void aRequestForALargerHostPageAsksForEachPageInIt() throws IOException {
    PostcopyLoop loop =
        restore(
            0,
            0,
            new PostcopyDestination.Behaviour() {
              @Override
              public void listening(PostcopyDestination destination) throws IOException {
                destination.request(0, 4 * 4096L, 3 * 4096, true);
              }
            });
    assertThat(loop.faults).containsExactly(4, 5, 6);
  }

  @Test
  void aPageIsNotSentTwice() throws IOException {
    try (PostcopyDestination destination = destination(WELL_BEHAVED);
        PostcopyGuest guest = guest(destination, 0)) {
      assertThat(guest.place(3, 1, null, 0, false)).isEqualTo(1);
      assertThat(guest.place(3, 1, null, 0, false)).isEqualTo(1);
      guest.start();
      assertThat(guest.place(3, 1, null, 0, true)).isEqualTo(1);
      assertThat(guest.place(4, 1, null, 0, true)).isEqualTo(1);
      assertThat(guest.place(4, 1, null, 0, false)).isEqualTo(1);
      assertThatThrownBy(guest::finish).hasMessageContaining("2 of 933 pages");
    }
  }

  @Test
  void aFullQueueAsksToTryAgainAndThenGetsOn() throws IOException {
    CountDownLatch go = new CountDownLatch(1);
    MemoryMap large = new MemoryMap(List.of(new Region("pc.ram", 64 << 20, 4096)));
    try (PostcopyDestination destination =
            new PostcopyDestination(directory, large, DEVICES.length, waitingFor(go));
        Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(4096);
      UnixSocket socket = UnixSocket.connect(destination.path());
      try (PostcopyGuest guest = new PostcopyGuest(socket, large, MACHINE, DEVICES)) {
        guest.start();
        int retries = 0;
        for (int page = 0; page < large.pages(); page++) {
          while (guest.place(page, 1, data, 0, false) == 0) {
            retries++;
            go.countDown();
            guest.drainFaults(PageRequests.IGNORED);
          }
        }
        assertThat(retries).isPositive();
        guest.finish();
        while (guest.drainFaults(PageRequests.IGNORED) && !guest.finished()) {
          guest.flush();
          guest.await(1_000_000_000);
        }
        assertThat(guest.finished()).isTrue();
      }
      destination.join();
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 100, 150_000, 400_000, 2_000_000})
  void aPeerThatVanishesIsNoticedAndNothingHangs(long afterBytes) throws IOException {
    PostcopyDestination.Behaviour vanishing =
        new PostcopyDestination.Behaviour() {
          @Override
          public void read(PostcopyDestination destination, long bytes) throws IOException {
            if (bytes >= afterBytes) {
              throw new EOFException("vanishing");
            }
          }
        };
    try (PostcopyDestination destination = destination(vanishing);
        PostcopyGuest guest = guest(destination, 8192)) {
      PostcopyLoop loop = new PostcopyLoop(guest, content, shuffled(), 50);
      assertThat(loop.run()).as("seed %d", seed).isFalse();
      destination.throwIfViolated();
      assertThat(guest.finished()).isFalse();
    }
  }

  @Test
  void aFailureOfTheDestinationIsReported() throws IOException {
    assertRefused(
        destination -> destination.send(1, ByteBuffer.allocate(4).putInt(1).flip()),
        "gave up the restore (status 1)");
  }

  @Test
  void anEarlyEndIsNotTakenForSuccess() throws IOException {
    assertRefused(
        destination -> destination.send(1, ByteBuffer.allocate(4)), "gave up the restore");
  }

  @Test
  void aPeerThatBreaksTheProtocolIsNamed() throws IOException {
    byte[] unknown = "nowhere".getBytes(StandardCharsets.UTF_8);
    assertRefused(d -> d.request(0, 100, 4096, true), "not in whole pages");
    assertRefused(d -> d.request(0, 0, 0, true), "not in whole pages");
    assertRefused(d -> d.request(0, 900 * 4096L, 4096, true), "outside of region pc.ram");
    assertRefused(d -> d.request(0, 899 * 4096L, 8192, true), "outside of region pc.ram");
    assertRefused(d -> d.request(0, -4096, 4096, true), "outside of region pc.ram");
    assertRefused(d -> d.request(0, Long.MIN_VALUE, 4096, true), "outside of region pc.ram");
    assertRefused(d -> d.request(0, 0, 4096, false), "before any region was named");
    assertRefused(
        d -> d.send(3, ByteBuffer.allocate(20).putInt(8, 4096).put(12, (byte) 7).put(13, unknown)),
        "unknown region");
    assertRefused(
        d -> d.send(3, ByteBuffer.allocate(20).putInt(8, 4096).put(12, (byte) 8)),
        "does not fit the name");
    assertRefused(d -> d.send(3, ByteBuffer.allocate(12)), "does not fit the name");
    assertRefused(d -> d.send(3, ByteBuffer.allocate(0)), "does not fit the name");
    assertRefused(d -> d.send(2, ByteBuffer.allocate(8)), "PONG message has 8 bytes");
    assertRefused(d -> d.send(5, ByteBuffer.allocate(8)), "type 5 was not expected");
    assertRefused(d -> d.send(77, ByteBuffer.allocate(0)), "type 77 was not expected");
    assertRefused(d -> d.send(2, ByteBuffer.allocate(5000)), "has 5000 bytes");
  }

  private interface Misdeed {
    void commit(PostcopyDestination destination) throws IOException;
  }

  private void assertRefused(Misdeed misdeed, String message) throws IOException {
    PostcopyDestination.Behaviour misbehaving =
        new PostcopyDestination.Behaviour() {
          @Override
          public void listening(PostcopyDestination destination) throws IOException {
            misdeed.commit(destination);
          }
        };
    try (PostcopyDestination destination = destination(misbehaving);
        PostcopyGuest guest = guest(destination, 0)) {
      PostcopyLoop loop = new PostcopyLoop(guest, content, shuffled(), 0);
      assertThatThrownBy(loop::run).isInstanceOf(IOException.class).hasMessageContaining(message);
    }
    Files.delete(directory.resolve("destination.sock"));
  }

  @Test
  void messagesMayBeCutAnywhere() throws IOException {
    List<Integer> wanted = List.of(7, 901, 8);
    PostcopyLoop loop =
        restore(
            0,
            0,
            new PostcopyDestination.Behaviour() {
              @Override
              public void listening(PostcopyDestination destination) throws IOException {
                destination.sendSlowly = true;
                for (int page : wanted) {
                  destination.request(page);
                }
                destination.sendSlowly = false;
              }
            });
    assertThat(loop.faults).containsExactlyElementsOf(wanted);
  }

  @Test
  void randomGarbageIsRefusedOrIgnoredButNeverHangs() throws IOException {
    for (int round = 0; round < 10; round++) {
      byte[] garbage = new byte[2000];
      random.nextBytes(garbage);
      garbage[0] = 0; // a type that may exist, so that some get further
      garbage[1] = (byte) random.nextInt(6);
      garbage[2] = 0;
      try (PostcopyDestination destination =
              destination(
                  new PostcopyDestination.Behaviour() {
                    @Override
                    public void listening(PostcopyDestination destination) throws IOException {
                      destination.sendRaw(ByteBuffer.wrap(garbage));
                      throw new EOFException("enough");
                    }
                  });
          PostcopyGuest guest = guest(destination, 0)) {
        PostcopyLoop loop = new PostcopyLoop(guest, content, shuffled(), 0);
        boolean finished;
        try {
          finished = loop.run();
        } catch (IOException refused) {
          finished = false;
        }
        assertThat(finished).as("seed %d, round %d", seed, round).isFalse();
      }
      Files.delete(directory.resolve("destination.sock"));
    }
  }

  @Test
  void hugePagesAreRefused() throws IOException {
    MemoryMap huge = new MemoryMap(List.of(new Region("ram-node0", 4 << 20, 2 << 20)));
    try (PostcopyDestination destination = destination(WELL_BEHAVED)) {
      UnixSocket socket = UnixSocket.connect(destination.path());
      assertThatThrownBy(() -> new PostcopyGuest(socket, huge, MACHINE, DEVICES))
          .hasMessageContaining("ram-node0 is backed by pages of 2097152 bytes");
      socket.close();
    }
  }

  @Test
  void nothingIsAllocatedOnceTheGuestRuns() throws IOException {
    MemoryMap large = new MemoryMap(List.of(new Region("pc.ram", 128 << 20, 4096)));
    PostcopyDestination.Behaviour asking =
        new PostcopyDestination.Behaviour() {
          private int next;

          @Override
          public void running(PostcopyDestination destination) throws IOException {
            destination.request(0, (next++ % large.pages()) * 4096L, 4096, next % 2 == 1);
          }
        };
    try (PostcopyDestination destination =
            new PostcopyDestination(directory, large, DEVICES.length, asking);
        Arena arena = Arena.ofConfined();
        PostcopyGuest guest =
            new PostcopyGuest(UnixSocket.connect(destination.path()), large, MACHINE, DEVICES)) {
      MemorySegment data = arena.allocate(4096);
      data.set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
      int[] faults = new int[1];
      guest.start();
      var threads =
          (com.sun.management.ThreadMXBean)
              java.lang.management.ManagementFactory.getThreadMXBean();
      // A native call allocates until it is compiled (after some 15,000 calls), so the best of many
      // windows counts: whatever were allocated by page or by fault would show in each.
      long least = Long.MAX_VALUE;
      int window = large.pages() / 32;
      for (int from = 0; from < large.pages(); from += window) {
        faults[0] = 0;
        long before = threads.getCurrentThreadAllocatedBytes();
        place(guest, data, from, from + window, faults);
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;
        if (faults[0] > 10) {
          least = Math.min(least, allocated);
        }
      }
      assertThat(least).isLessThan(64); // the sink of the window
    }
  }

  private static void place(PostcopyGuest guest, MemorySegment data, int from, int to, int[] faults)
      throws IOException {
    PageRequests sink = _ -> faults[0]++;
    for (int page = from; page < to; page++) {
      guest.drainFaults(sink);
      guest.place(page, 1, page % 2 == 0 ? data : null, 0, page % 16 == 0);
      guest.await(0);
      while (!guest.flush()) {
        guest.await(1_000_000);
      }
    }
  }
}
