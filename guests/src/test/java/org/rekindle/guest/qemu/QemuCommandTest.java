package org.rekindle.guest.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QemuCommandTest {
  private static final Path QMP = Path.of("/run/r/qmp");

  private static List<String> restore(String... arguments) {
    return QemuCommand.toRestore(command(arguments), QMP);
  }

  private static List<String> cloned(String... arguments) {
    return QemuCommand.toClone(command(arguments), QMP, false);
  }

  private static List<String> command(String... arguments) {
    List<String> command = new ArrayList<>(List.of("qemu-system-x86_64"));
    command.addAll(List.of(arguments));
    return command;
  }

  @Test
  void aRestoreAddsIncomingAndAMonitorAndNothingElse() {
    assertThat(restore("-m", "64", "-S", "disk.img"))
        .containsExactly(
            "qemu-system-x86_64",
            "-m",
            "64",
            "-S",
            "disk.img",
            "-incoming",
            "defer",
            "-qmp",
            "unix:/run/r/qmp,server=on,wait=off");
  }

  @Test
  void aCommaInTheSocketsPathIsDoubled() {
    assertThat(QemuCommand.toRestore(command(), Path.of("/a,b/qmp")))
        .last()
        .isEqualTo("unix:/a,,b/qmp,server=on,wait=off");
  }

  @Test
  void optionsThatContradictAMigrationAreRefusedByName() {
    assertThatThrownBy(() -> restore("-incoming", "tcp:0:1")).hasMessageContaining("-incoming");
    assertThatThrownBy(() -> restore("--incoming", "defer")).hasMessageContaining("-incoming");
    assertThatThrownBy(() -> restore("-loadvm", "x")).hasMessageContaining("-loadvm");
    assertThatThrownBy(() -> restore("-daemonize")).hasMessageContaining("-daemonize");
    assertThatThrownBy(() -> restore("-preconfig")).hasMessageContaining("-preconfig");
    assertThatThrownBy(() -> QemuCommand.toRestore(List.of(), QMP)).hasMessageContaining("program");
    assertThatThrownBy(() -> QemuCommand.toRestore(List.of("-m", "64"), QMP))
        .hasMessageContaining("program");
  }

  @Test
  void aValueThatLooksLikeAnOptionIsNotOne() {
    assertThat(restore("-append", "-daemonize", "-name", "-incoming")).contains("-daemonize");
  }

  @Test
  void aCloneWritesToNoDisk() {
    assertThat(cloned("-drive", "file=disk.img", "-nodefaults")).contains("-snapshot");
    assertThat(cloned("-snapshot", "-nodefaults")).containsOnlyOnce("-snapshot");
    assertThat(cloned("-blockdev", "driver=file,node-name=d,filename=x,read-only=on"))
        .contains("-blockdev");
    assertThat(cloned("-blockdev", "{\"driver\":\"file\",\"filename\":\"x\",\"read-only\":true}"))
        .contains("-blockdev");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "-blockdev driver=file,node-name=d,filename=x",
        "-blockdev {\"driver\":\"file\",\"filename\":\"x\"}",
        "-blockdev driver=file,filename=x,read-only=off",
        "-drive file=x,snapshot=off",
        "-virtfs local,path=/,mount_tag=t,security_model=none",
        "-fsdev local,id=f,path=/",
        "-device vfio-pci,host=01:00.0",
        "-device {\"driver\":\"vfio-pci\",\"host\":\"01:00.0\"}",
        "-device usb-host,hostbus=1",
        "-device vhost-vsock-pci,guest-cid=3",
        "-device driver=vhost-user-fs-pci,chardev=c",
        "-device ivshmem-plain,memdev=m",
        "-object memory-backend-file,id=m,size=64M,mem-path=/dev/shm/m,share=on",
        "-object {\"qom-type\":\"memory-backend-file\",\"share\":true}",
        "-tpmdev emulator,id=t,chardev=c",
        "-readconfig machine.cfg",
        "-netdev tap,id=n",
        "-netdev {\"type\":\"tap\",\"id\":\"n\"}",
        "-netdev {\"type\":\"user\",\"id\":\"n\"}",
        "-netdev bridge,id=n,br=br0",
        "-netdev vhost-user,id=n,chardev=c",
        "-netdev socket,id=n,listen=:1234",
        "-nic tap",
        "-net bridge"
      })
  void aCloneIsGivenNothingThatItCouldChangeOutside(String option) {
    String[] arguments = option.split(" ", 2);
    assertThatThrownBy(() -> cloned(arguments))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("clone")
        .hasMessageContaining(arguments[1]);
    assertThat(restore(arguments)).contains(arguments[1]);
  }

  @Test
  void aClonesUserNetworkIsCutOff() {
    assertThat(cloned("-netdev", "user,id=n")).contains("user,id=n,restrict=on");
    assertThat(cloned("-netdev", "user,id=n,restrict=off"))
        .contains("user,id=n,restrict=off,restrict=on");
    assertThat(cloned("-nic", "user,restrict=on")).contains("user,restrict=on");
    assertThat(cloned("-nic", "none")).contains("none");
    assertThat(cloned("-S")).contains("nic", "user,restrict=on");
    assertThat(cloned("-nodefaults")).doesNotContain("-net");
  }

  @Test
  void aCloneMayBeAllowedTheNetwork() {
    assertThat(QemuCommand.toClone(command("-netdev", "tap,id=n"), QMP, true)).contains("tap,id=n");
    assertThat(QemuCommand.toClone(command(), QMP, true)).doesNotContain("-net");
  }

  @Test
  void malformedJsonIsRefused() {
    assertThatThrownBy(() -> cloned("-blockdev", "{nonsense"))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
