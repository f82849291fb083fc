package org.rekindle.lab;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;

/**
 * The root file system of the demo's guest: busybox, the workload, and the modules with which the
 * kernel finds virtio devices.
 */
final class Initramfs {
  /**
   * Those that a kernel lacks it has built in. Which needs which differs between versions of the
   * kernel, so the guest tries them in this order for some rounds.
   */
  static final List<String> MODULES =
      List.of(
          "virtio_ring",
          "virtio",
          "virtio_pci_modern_dev",
          "virtio_pci_legacy_dev",
          "virtio_pci",
          "virtio_blk",
          "failover",
          "net_failover",
          "virtio_net",
          "virtio_console");

  private static final int FAST =
      Deflater.BEST_SPEED; // the guest unpacks it; the host has the space

  private Initramfs() {}

  static void write(OutputStream out, byte[] busybox, byte[] workload, Map<String, byte[]> modules)
      throws IOException {
    try (Cpio cpio =
        new Cpio(
            new GZIPOutputStream(out, 1 << 16) {
              {
                def.setLevel(FAST);
              }
            })) {
      for (String directory : List.of("bin", "dev", "modules", "proc", "sys", "tmp")) {
        cpio.directory(directory);
      }
      cpio.characterDevice("dev/console", 5, 1);
      cpio.file("bin/busybox", busybox);
      cpio.file("workload", workload);
      for (var module : modules.entrySet()) {
        cpio.file("modules/" + module.getKey() + ".ko", module.getValue());
      }
      cpio.file("init", init().getBytes(StandardCharsets.US_ASCII));
    }
  }

  /** The guest's address is the one that QEMU's user network expects. */
  static String init() {
    return """
    #!/bin/busybox sh
    /bin/busybox --install -s /bin
    export PATH=/bin
    mount -t proc proc /proc
    mount -t sysfs sys /sys
    mount -t devtmpfs dev /dev
    for round in 1 2 3; do
      for module in %s; do
        [ -d /sys/module/$module ] || insmod /modules/$module.ko
      done
    done 2>/dev/null
    ip link set eth0 up 2>/dev/null && ip addr add 10.0.2.15/24 dev eth0
    exec </dev/ttyS0 >/dev/ttyS0 2>&1
    /workload
    echo "the workload has ended with $?"
    poweroff -f
    """
        .formatted(String.join(" ", MODULES));
  }

  /**
   * Reads the modules of {@link #MODULES} that are somewhere under a directory such as {@code
   * /lib/modules/6.1.0-56-cloud-amd64}, by their names; none if it does not exist.
   *
   * @param busybox unpacks those that are stored as {@code .ko.xz}
   */
  static Map<String, byte[]> modules(Path directory, Path busybox) throws IOException {
    if (!Files.isDirectory(directory)) {
      return Map.of();
    }
    List<Path> files;
    try (var all = Files.walk(directory)) {
      files = all.filter(Files::isRegularFile).toList();
    }
    Map<String, byte[]> modules = new LinkedHashMap<>();
    for (String name : MODULES) {
      for (Path file : files) {
        String fileName = file.getFileName().toString();
        if (fileName.equals(name + ".ko")) {
          modules.put(name, Files.readAllBytes(file));
        } else if (fileName.equals(name + ".ko.xz")) {
          modules.put(name, Command.output(busybox.toString(), "xzcat", file.toString()));
        }
      }
    }
    return modules;
  }
}
