package org.rekindle.guest.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** With small programs in QEMU's place. */
@Timeout(30)
class QemuProcessTest {
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  @TempDir Path directory;

  /** Starts a shell script; what we add to its arguments is for it to ignore. */
  private QemuProcess start(String script) throws IOException {
    Path program = directory.resolve("program");
    Files.writeString(program, "#!/bin/sh\n" + script + "\n");
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
    return QemuProcess.startForRestore(List.of(program.toString()), QemuProcess.Console.NONE);
  }

  @Test
  void onlyTheOwnerReachesItsDirectoryAndCloseRemovesIt() throws IOException {
    Path sockets;
    try (QemuProcess qemu = start("exec sleep 60")) {
      sockets = qemu.directory();
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(sockets)))
          .isEqualTo("rwx------");
      assertThat(qemu.isAlive()).isTrue();
    }
    assertThat(sockets).doesNotExist();
  }

  @Test
  void closeEndsAProgramThatIgnoresThePoliteSignal() throws Exception {
    Path ready = directory.resolve("ready");
    QemuProcess qemu = start("trap '' TERM; touch " + ready + "; while :; do sleep 0.1; done");
    ProcessHandle handle = ProcessHandle.of(qemu.pid()).orElseThrow();
    while (!Files.exists(ready)) {
      Thread.onSpinWait();
    }
    qemu.close();
    assertThat(handle.isAlive()).isFalse();
  }

  @Test
  void anEarlyEndIsToldWithItsLastWords() throws IOException {
    try (QemuProcess qemu = start("echo 'Device 0x42 is missing' >&2; exit 3")) {
      assertThatThrownBy(() -> qemu.connect(PATIENCE))
          .hasMessageContaining("exit status 3")
          .hasMessageContaining("Device 0x42 is missing");
    }
  }

  @Test
  void onlyTheTailOfManyWordsIsKept() throws Exception {
    try (QemuProcess qemu = start("seq 100000 >&2")) {
      qemu.waitFor();
      assertThat(qemu.errors()).hasSizeLessThanOrEqualTo(4096).endsWith("100000");
    }
  }

  @Test
  void aProgramThatIsNotThereIsNamed() {
    assertThatThrownBy(() ->
            QemuProcess.startForRestore(
                List.of("/nowhere/qemu-system-x"), QemuProcess.Console.NONE))
        .hasMessageContaining("cannot start /nowhere/qemu-system-x");
  }

  @Test
  void aReleasedProgramOutlivesUs() throws Exception {
    QemuProcess qemu = start("exec sleep 60");
    ProcessHandle handle = ProcessHandle.of(qemu.pid()).orElseThrow();
    qemu.release();
    qemu.close();
    assertThat(qemu.directory()).doesNotExist();
    assertThat(handle.isAlive()).isTrue();
    handle.destroyForcibly();
  }
}
