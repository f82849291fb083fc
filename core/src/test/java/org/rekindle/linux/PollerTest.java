package org.rekindle.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class PollerTest {
  private static final long FOREVER = -1;

  @Test
  void readinessFollowsTheSocket() throws IOException {
    try (SocketPair pair = SocketPair.open();
        Poller poller = new Poller(1);
        Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(16);
      int index = poller.add(pair.ours().fd());
      assertThat(poller.poll(0)).as("no interest yet").isZero();

      poller.interest(index, true, false);
      assertThat(poller.poll(0)).isZero();
      assertThat(poller.readable(index)).isFalse();

      pair.peer().write(ByteBuffer.wrap(new byte[1]));
      assertThat(poller.poll(FOREVER)).isEqualTo(1);
      assertThat(poller.readable(index)).isTrue();
      assertThat(poller.writable(index)).isFalse();

      poller.interest(index, false, true);
      assertThat(poller.readable(index)).as("forgotten with the interest").isFalse();
      assertThat(poller.poll(FOREVER)).isEqualTo(1);
      assertThat(poller.readable(index)).isFalse();
      assertThat(poller.writable(index)).isTrue();

      pair.ours().receive(buffer, 0, 16);
      poller.interest(index, true, false);
      assertThat(poller.poll(1_000_000)).isZero();
    }
  }

  @Test
  void twoDescriptorsAreToldApart() throws IOException {
    try (SocketPair quiet = SocketPair.open();
        SocketPair busy = SocketPair.open();
        Poller poller = new Poller(2)) {
      int quietIndex = poller.add(quiet.ours().fd());
      int busyIndex = poller.add(busy.ours().fd());
      poller.interest(quietIndex, true, false);
      poller.interest(busyIndex, true, false);
      busy.peer().write(ByteBuffer.wrap(new byte[1]));
      assertThat(poller.poll(FOREVER)).isEqualTo(1);
      assertThat(poller.readable(quietIndex)).isFalse();
      assertThat(poller.readable(busyIndex)).isTrue();
    }
  }

  @Test
  void roomGrowsAndIsUsedAgain() throws IOException {
    try (SocketPair first = SocketPair.open();
        SocketPair second = SocketPair.open();
        Poller poller = new Poller(0)) {
      int removed = poller.add(first.ours().fd());
      poller.interest(removed, true, false);
      for (int i = 0; i < 100; i++) {
        poller.add(first.ours().fd());
      }
      poller.remove(removed);
      first.peer().write(ByteBuffer.wrap(new byte[1]));
      assertThat(poller.poll(0)).as("removed").isZero();
      int index = poller.add(second.ours().fd());
      assertThat(index).isEqualTo(removed);
      poller.interest(index, true, false);
      second.peer().write(ByteBuffer.wrap(new byte[1]));
      assertThat(poller.poll(FOREVER)).isEqualTo(1);
      assertThat(poller.readable(index)).isTrue();
    }
  }

  @Test
  void aPeerThatIsGoneMakesTheSocketReadable() throws IOException {
    try (SocketPair pair = SocketPair.open();
        Poller poller = new Poller(1)) {
      int index = poller.add(pair.ours().fd());
      poller.interest(index, false, true);
      pair.peer().close();
      assertThat(poller.poll(FOREVER)).isEqualTo(1);
      assertThat(poller.readable(index)).isTrue();
      poller.interest(index, false, false);
      assertThat(poller.poll(0)).as("not of interest any more").isZero();
    }
  }

  @Test
  void aWakeEndsTheNextPollAndOnlyThat() throws IOException {
    try (Poller poller = new Poller(0)) {
      poller.wake();
      poller.wake();
      assertThat(poller.poll(FOREVER)).isZero();
      long startNs = System.nanoTime();
      assertThat(poller.poll(20_000_000)).isZero();
      assertThat(System.nanoTime() - startNs).isGreaterThanOrEqualTo(20_000_000);
    }
  }

  /**
   * SIGPIPE has a handler in the JVM that does nothing, and ppoll is never restarted after a
   * handler (signal(7)): each signal makes it answer EINTR.
   */
  @Test
  void signalsDoNotShortenTheWait() throws Exception {
    long timeoutNs = 300_000_000;
    String thread = Files.readSymbolicLink(Path.of("/proc/thread-self")).getFileName().toString();
    try (Poller poller = new Poller(0)) {
      Process signals =
          new ProcessBuilder("sh", "-c", "while kill -PIPE " + thread + "; do sleep 0.02; done")
              .start();
      try {
        long startNs = System.nanoTime();
        assertThat(poller.poll(timeoutNs)).isZero();
        assertThat(System.nanoTime() - startNs).isGreaterThanOrEqualTo(timeoutNs);
        assertThat(signals.isAlive()).as("signals kept coming").isTrue();
      } finally {
        signals.destroyForcibly().waitFor();
      }
    }
  }

  /** Each side waits for the other's last step: a single lost wake would hang it. */
  @Test
  void noWakeIsLostBetweenThreads() throws Exception {
    int rounds = 20_000;
    AtomicInteger seen = new AtomicInteger();
    AtomicInteger published = new AtomicInteger();
    try (Poller poller = new Poller(0)) {
      Thread waker =
          Thread.ofPlatform()
              .start(() -> {
                for (int round = 1; round <= rounds; round++) {
                  published.set(round);
                  poller.wake();
                  while (seen.get() < round - 1) {
                    Thread.onSpinWait();
                  }
                }
              });
      while (seen.get() < rounds) {
        poller.poll(FOREVER);
        seen.set(published.get());
      }
      waker.join();
    }
  }

  @Test
  void aLateWakeIsHarmless() throws IOException {
    Poller poller = new Poller(0);
    poller.close();
    poller.close();
    poller.wake();
  }

  @Test
  void misuseIsNamed() throws IOException {
    try (SocketPair pair = SocketPair.open();
        Poller poller = new Poller(1)) {
      assertThatThrownBy(() -> poller.add(-1)).hasMessageContaining("closed");
      poller.add(pair.ours().fd());
      assertThatThrownBy(() -> poller.interest(1, true, true))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> poller.readable(-1)).isInstanceOf(IndexOutOfBoundsException.class);
    }
  }
}
