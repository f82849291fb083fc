package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.guest.child.GuestConsole;

/** The guest itself, before anything is saved: what the other tests take for granted. */
@Tag("slow")
class GuestSlowTest {
  private static final Duration BOOT = Duration.ofMinutes(2);

  @TempDir Path directory;

  @Test
  void theSmallGuestBeatsInAFixedOrderAndSumsWhatDoesNotChange() throws IOException {
    try (RunningMachine machine = DemoMachine.small(SlowTests.kit()).start()) {
      GuestConsole console = machine.console();
      assertThat(console.awaitLine("ready", BOOT).text()).contains("fill=96 set=16");
      int period = WorkloadParameters.SMALL.beatsPerPass();
      console.awaitBeats(period + 5, BOOT);
      List<GuestConsole.Beat> beats = console.beats();
      assertThat(beats.getFirst().number()).isEqualTo(1);
      assertThat(beats.get(period + 1).check()).isEqualTo(beats.get(1).check());
      assertThat(beats.get(2).check()).isNotEqualTo(beats.get(1).check());

      String nonce = console.awaitLine("nonce ", BOOT).text().substring("nonce ".length());
      assertThat(console.nonce()).isEqualTo(nonce).hasSize(32);
      String sum = console.sum();
      console.awaitBeats(console.beats().size() + period, BOOT);
      assertThat(console.sum()).isEqualTo(sum);
    }
  }

  @Test
  void virtioDiskAndNetworkWorkOnQ35WithSharedMemoryAndTwoCpus() throws IOException {
    Path disk = directory.resolve("disk");
    Files.write(disk, Arrays.copyOf("marked\n".getBytes(StandardCharsets.US_ASCII), 1 << 20));
    DemoMachine machine =
        new DemoMachine(
            SlowTests.kit(),
            "q35",
            2,
            192,
            DemoMachine.Backing.MEMFD,
            Optional.of(disk),
            WorkloadParameters.SMALL.withThreads(2));
    Path sockets;
    try (RunningMachine running = machine.start()) {
      sockets = running.qmp().getParent();
      GuestConsole console = running.console();
      console.awaitBeats(1, BOOT);
      assertThat(console.command("sh grep -q marked /dev/vda", "exit ", BOOT)).isEqualTo("0");
      assertThat(console.command("sh ping -c 1 10.0.2.2", "exit ", BOOT)).isEqualTo("0");
      assertThat(console.command("sh exit `nproc`", "exit ", BOOT)).isEqualTo("2");
    }
    assertThat(sockets).doesNotExist();
  }
}
