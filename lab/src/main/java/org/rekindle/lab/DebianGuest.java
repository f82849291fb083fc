package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The guest of the evaluation, as scripts/paper-guest makes it: Debian with the programs of {@link
 * DebianWorkload} on a disk that is never written.
 *
 * @param kit QEMU, and the guest's kernel and initramfs
 * @param disk a raw disk
 * @param version changes with every part of it
 */
public record DebianGuest(GuestKit kit, Path disk, String version) {
  /**
   * Finds it in {@link GuestKit#cache()}, or has the script make it.
   *
   * @param qemu the VMM's program
   * @throws IOException if it is not there and cannot be made here
   */
  public static DebianGuest provision(Path qemu, Consumer<String> say) throws IOException {
    Path folder = GuestKit.cache().resolve("paper");
    String project = System.getProperty("rekindle.root");
    if (project != null) {
      Path script = Path.of(project, "scripts", "paper-guest");
      Command.narrated(say, Path.of(project), script.toString(), folder.toString());
    }
    Path made = folder.resolve("made");
    if (!Files.exists(made)) {
      throw new IOException(
          "there is no guest for the evaluation in "
              + folder
              + "; make it as root: scripts/paper-guest "
              + folder);
    }
    return new DebianGuest(
        new GuestKit(qemu, folder.resolve("kernel"), folder.resolve("initramfs")),
        folder.resolve("disk"),
        Files.readString(made).substring(0, 12));
  }

  /** A machine of 1 GiB with it, whose memory can be scanned from outside. */
  public DemoMachine machine(DebianWorkload workload) {
    return new DemoMachine(
        kit, "pc", 1, 1024, DemoMachine.Backing.MEMFD, Optional.of(disk), workload);
  }
}
