package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.rekindle.guest.child.GuestConsole;
import org.rekindle.guest.qemu.QemuProcess;
import org.rekindle.guest.qemu.Qmp;

@Tag("slow")
class StockEagerSlowTest {
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  @TempDir Path directory;

  @ParameterizedTest
  @EnumSource
  void whatStockQemuHasSavedItRestoresWithTheSameMemoryAndNonce(StockEager rival) throws Exception {
    DemoMachine machine = DemoMachine.small(kit(rival));
    Path stream = directory.resolve("stream");
    String nonce;
    String sum;
    try (RunningMachine running = machine.start()) {
      running.console().awaitBeats(3, PATIENCE);
      nonce = running.console().nonce();
      sum = running.console().sum();
      try (Qmp qmp = Qmp.connect(running.qmp(), PATIENCE)) {
        assertThat(rival.save(qmp, stream)).isPositive();
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
      long firstInstructionNs = rival.restore(qemu, stream);
      assertThat(firstInstructionNs).isBetween(commandNs, System.nanoTime());
      assertThat(console.nonce()).isEqualTo(nonce);
      assertThat(console.sum()).isEqualTo(sum);
    }
  }

  private static GuestKit kit(StockEager rival) throws Exception {
    GuestKit kit = SlowTests.kit();
    if (rival == StockEager.MAPPED_RAM) {
      String qemu10 = System.getenv("REKINDLE_QEMU10");
      assumeThat(qemu10).as("REKINDLE_QEMU10: mapped-ram needs QEMU 9").isNotNull();
      return new GuestKit(Path.of(qemu10), kit.kernel(), kit.initramfs());
    }
    return kit;
  }
}
