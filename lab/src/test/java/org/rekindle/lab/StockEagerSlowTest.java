package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.guest.child.GuestConsole;
import org.rekindle.guest.qemu.QemuProcess;
import org.rekindle.guest.qemu.Qmp;

@Tag("slow")
class StockEagerSlowTest {
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  @TempDir Path directory;

  @Test
  void whatStockQemuHasSavedItRestoresWithTheSameMemoryAndNonce() throws Exception {
    DemoMachine machine = DemoMachine.small(SlowTests.kit());
    Path stream = directory.resolve("stream");
    String nonce;
    String sum;
    try (RunningMachine running = machine.start()) {
      running.console().awaitBeats(3, PATIENCE);
      nonce = running.console().nonce();
      sum = running.console().sum();
      try (Qmp qmp = Qmp.connect(running.qmp(), PATIENCE)) {
        assertThat(StockEager.save(qmp, stream)).isPositive();
        qmp.execute("cont");
      }
      running.console().awaitBeats(running.console().beats().size() + 1, PATIENCE);
    }
    assertThat(Files.size(stream)).isGreaterThan(96L << 20);

    Path serial = directory.resolve("serial");
    List<String> command = machine.command(serial);
    long commandNs = System.nanoTime();
    try (QemuProcess qemu = QemuProcess.startForRestore(command, QemuProcess.Console.NONE);
        GuestConsole console = GuestConsole.connect(serial, qemu::isAlive, PATIENCE)) {
      long firstInstructionNs = StockEager.restore(qemu, stream);
      assertThat(firstInstructionNs).isBetween(commandNs, System.nanoTime());
      assertThat(console.nonce()).isEqualTo(nonce);
      assertThat(console.sum()).isEqualTo(sum);
    }
  }
}
