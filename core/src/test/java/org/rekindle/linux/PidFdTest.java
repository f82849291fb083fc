package org.rekindle.linux;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PidFdTest {
  @Test
  void aProcessIsKilledAndItsEndIsSeen() throws Exception {
    Process child = new ProcessBuilder("sleep", "60").start();
    try (PidFd process = PidFd.open((int) child.pid()).orElseThrow();
        Poller poller = new Poller(1)) {
      poller.interest(poller.add(process.fd()), true, false);
      assertThat(process.pid()).isEqualTo((int) child.pid());
      assertThat(process.ended()).isFalse();
      assertThat(poller.poll(0)).isZero();
      assertThat(process.signal(PidFd.SIGKILL)).isZero();
      assertThat(poller.poll(-1)).isEqualTo(1);
      assertThat(process.ended()).isTrue();
      assertThat(child.waitFor()).isEqualTo(128 + PidFd.SIGKILL);
      assertThat(process.signal(PidFd.SIGKILL)).isEqualTo(-Errno.ESRCH);
    } finally {
      child.destroyForcibly();
    }
    assertThat(PidFd.open((int) child.pid())).isEmpty();
  }
}
