package org.rekindle.guest.qemu;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.rekindle.image.MemoryMap;
import org.rekindle.scan.ScannedMemory;

/** The RAM of a running QEMU, for those who scan it. */
public final class ScannedRam {
  private ScannedRam() {}

  /**
   * Asks a QEMU.
   *
   * @param monitor its QMP socket
   * @throws IOException if it does not answer in time, or does not tell
   */
  public static ScannedMemory of(Path monitor, Duration patience) throws IOException {
    try (Qmp qmp = Qmp.connect(monitor, patience)) {
      int pid = qmp.pid();
      if (pid == 0) {
        throw new IOException(
            "the QEMU behind "
                + monitor
                + " runs where we see no processes (another PID namespace)");
      }
      RamBlockLocator.Ram ram =
          RamBlockLocator.of(pid, qmp)
              .ram()
              .orElseThrow(() ->
                  new IOException(
                      "the QEMU behind " + monitor + " does not tell where its RAM is"));
      return new ScannedMemory(
          pid, ram.name(), ram.address(), Math.toIntExact(ram.bytes() / MemoryMap.PAGE_BYTES));
    }
  }
}
