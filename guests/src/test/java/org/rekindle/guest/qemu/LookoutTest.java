package org.rekindle.guest.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class LookoutTest {
  @Test
  void anAnswerThatDoesNotComeIsNotWaitedForAndNotAskedForAgain() throws IOException {
    AtomicInteger asked = new AtomicInteger();
    CountDownLatch never = new CountDownLatch(1);
    Lookout lookout =
        new Lookout(() -> {
          asked.incrementAndGet();
          try {
            never.await();
          } catch (InterruptedException ended) {
            Thread.currentThread().interrupt();
          }
        });
    for (int i = 0; i < 10; i++) {
      lookout.check();
    }
    assertThat(asked.get()).isLessThanOrEqualTo(1);
    never.countDown();
  }

  @Test
  void badNewsIsToldAtALaterLook() {
    Lookout lookout =
        new Lookout(() -> {
          throw new IOException("QEMU ended the migration");
        });
    assertThatThrownBy(
            () -> {
              while (true) {
                lookout.check();
                Thread.sleep(Duration.ofMillis(1));
              }
            })
        .isInstanceOf(IOException.class)
        .hasMessage("QEMU ended the migration");
  }

  @Test
  void aQemuThatIsBusyIsNoBadNews() throws Exception {
    CountDownLatch twice = new CountDownLatch(2);
    Lookout lookout =
        new Lookout(() -> {
          twice.countDown();
          throw new SocketTimeoutException("no answer in time");
        });
    while (twice.getCount() > 0) {
      lookout.check();
      Thread.sleep(Duration.ofMillis(1));
    }
  }
}
