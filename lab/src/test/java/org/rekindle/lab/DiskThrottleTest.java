package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.lab.DiskThrottle.Limits;
import org.rekindle.lab.DiskThrottle.Outcome;

/** On a fake tree of /proc and /sys; the real one is in {@link DiskThrottleSlowTest}. */
class DiskThrottleTest {
  private static final long PID = 77;

  @TempDir Path root;

  @BeforeEach
  void aDiskWithTwoPartitions() throws IOException {
    write("sys/devices/vda/dev", "254:0\n");
    write("sys/devices/vda/vda2/dev", "254:2\n");
    write("sys/devices/vda/vda2/partition", "2\n");
    Files.createDirectories(root.resolve("sys/dev/block"));
    Files.createSymbolicLink(
        root.resolve("sys/dev/block/254:2"), Path.of("../../devices/vda/vda2"));
    Files.createSymbolicLink(root.resolve("sys/dev/block/254:0"), Path.of("../../devices/vda"));
    // The disk that really holds the temporary directory, so that whole runs find it.
    BlockDevice real = BlockDevice.of((Long) Files.getAttribute(root, "unix:dev"));
    write("sys/devices/real/dev", real + "\n");
    Path link = root.resolve("sys/dev/block/" + real);
    if (!Files.exists(link)) {
      Files.createSymbolicLink(link, Path.of("../../devices/real"));
    }
  }

  private void write(String name, String text) throws IOException {
    Path file = root.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  private void versionOne() throws IOException {
    write(
        "proc/self/mounts",
        """
        tmpfs /sys/fs/cgroup tmpfs rw 0 0
        cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0
        cgroup /sys/fs/cgroup/blkio cgroup rw,relatime,blkio 0 0
        cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
        """);
    write("sys/fs/cgroup/unified/cgroup.controllers", "\n");
    write("proc/77/cgroup", "7:blkio:/session\n4:memory:/m\n0::/\n");
  }

  @Test
  void theLimitsGoToTheWholeDiskOfAPartition() {
    assertThat(BlockDevice.wholeDisk(root, new BlockDevice(254, 2)))
        .contains(new BlockDevice(254, 0));
    assertThat(BlockDevice.wholeDisk(root, new BlockDevice(254, 0)))
        .contains(new BlockDevice(254, 0));
    assertThat(BlockDevice.wholeDisk(root, new BlockDevice(0, 44))).isEmpty();
  }

  @Test
  void deviceNumbersAreTakenApartAsTheKernelPutsThemTogether() {
    assertThat(BlockDevice.of(0xfe02)).isEqualTo(new BlockDevice(254, 2));
    assertThat(BlockDevice.of(0x0000_0000_1230_0045L)).isEqualTo(new BlockDevice(0, 0x12345));
    assertThat(BlockDevice.of(0x0000_1000_0000_0801L)).isEqualTo(new BlockDevice(0x1008, 1));
  }

  @Test
  void theBlkioIoHierarchyOfVersionOneIsFound() throws IOException {
    versionOne();
    IoHierarchy found = IoHierarchy.find(root, PID).orElseThrow();
    Path mount = root.resolve("sys/fs/cgroup/blkio");
    assertThat(found).isEqualTo(new IoHierarchy(false, mount, mount.resolve("session")));
    assertThat(found.settings(new BlockDevice(8, 0), Limits.DISK))
        .containsEntry("blkio.throttle.read_bps_device", "8:0 120000000")
        .containsEntry("blkio.throttle.read_iops_device", "8:0 120");
  }

  @Test
  void versionTwoIsFoundWhereItHasTheIoController() throws IOException {
    write("proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n");
    write("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory\n");
    write("proc/77/cgroup", "0::/user.slice/session-1.scope\n");
    IoHierarchy found = IoHierarchy.find(root, PID).orElseThrow();
    assertThat(found.unified()).isTrue();
    assertThat(found.home()).isEqualTo(root.resolve("sys/fs/cgroup/user.slice/session-1.scope"));
    assertThat(found.settings(new BlockDevice(8, 0), new Limits(5, 6)))
        .containsExactly(java.util.Map.entry("io.max", "8:0 rbps=5 riops=6"));
    write("sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
    assertThat(IoHierarchy.find(root, PID)).isEmpty();
  }

  @Test
  void whatIsMissingIsToldInWords() throws IOException {
    assertThat(DiskThrottle.apply(root, PID, root, Limits.DISK))
        .isEqualTo(new Outcome.Unthrottled("this system has no block I/O control groups"));
    versionOne();
    assertThat(DiskThrottle.apply(root, PID, root, Limits.DISK))
        .isInstanceOfSatisfying(
            Outcome.Unthrottled.class,
            refused ->
                assertThat(refused.reason())
                    .startsWith("the control group ")
                    .contains("rekindle-77", "does not exist"));
    assertThat(root.resolve("sys/fs/cgroup/blkio/rekindle-77")).doesNotExist();
  }
}
