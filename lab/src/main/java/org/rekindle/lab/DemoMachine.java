package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A machine that runs the workload, as arguments of stock QEMU: the same for its first boot and for
 * every restore.
 *
 * @param kit the parts that it is started from
 * @param type QEMU's machine type, such as {@code "pc"} or {@code "q35"}
 * @param memoryMiB its memory
 * @param backing what that memory is in the QEMU process
 * @param disk a raw file behind a read-only virtio-blk device; a virtio-net device comes with it
 */
public record DemoMachine(
    GuestKit kit,
    String type,
    int vcpus,
    int memoryMiB,
    Backing backing,
    Optional<Path> disk,
    GuestWorkload workload)
    implements Subject {

  /** What guest memory is in the QEMU process. */
  public enum Backing {
    /** Private anonymous memory: QEMU's default. */
    ANONYMOUS,
    /** {@code memory-backend-memfd,share=on}, as vhost-user and many management layers want it. */
    MEMFD
  }

  /** The machine of {@code rekindle demo}. */
  public static DemoMachine demo(GuestKit kit) {
    return new DemoMachine(
        kit, "pc", 1, 1024, Backing.ANONYMOUS, Optional.empty(), WorkloadParameters.DEMO);
  }

  /** A machine that boots in a few seconds, for tests. */
  public static DemoMachine small(GuestKit kit) {
    return new DemoMachine(
        kit, "pc", 1, 192, Backing.ANONYMOUS, Optional.empty(), WorkloadParameters.SMALL);
  }

  @Override
  public String description() {
    String memory = memoryMiB % 1024 == 0 ? memoryMiB / 1024 + " GiB" : memoryMiB + " MiB";
    return "%s Linux, %d vCPU, %s".formatted(memory, vcpus, type);
  }

  /**
   * The command that runs it, without what a boot or a restore adds (monitor, incoming).
   *
   * <p>{@code no_timer_check}: the kernel counts timer interrupts at boot, and gives up when the
   * host is too busy to emulate them in time.
   *
   * @param serialSocket where QEMU shall listen for the guest's serial port; at most 107 bytes
   */
  public List<String> command(Path serialSocket) {
    String memory = memoryMiB + "M";
    List<String> command = new ArrayList<>(List.of(kit.qemu().toString()));
    command.addAll(List.of("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"));
    command.addAll(List.of("-accel", "tcg", "-smp", Integer.toString(vcpus), "-m", memory));
    switch (backing) {
      case ANONYMOUS -> command.addAll(List.of("-machine", type));
      case MEMFD ->
          command.addAll(
              List.of(
                  "-object",
                  "memory-backend-memfd,id=ram,size=" + memory + ",share=on",
                  "-machine",
                  type + ",memory-backend=ram"));
    }
    command.addAll(List.of("-kernel", kit.kernel().toString()));
    command.addAll(List.of("-initrd", kit.initramfs().toString()));
    command.addAll(
        List.of(
            "-append",
            "console=ttyS0 quiet loglevel=1 panic=-1 no_timer_check "
                + workload.kernelArguments()));
    command.addAll(
        List.of(
            "-chardev",
            "socket,id=serial,path=" + commaSafe(serialSocket) + ",server=on,wait=off",
            "-serial",
            "chardev:serial"));
    disk.ifPresent(file ->
        command.addAll(
            List.of(
                "-drive",
                "if=none,id=disk,format=raw,readonly=on,file=" + commaSafe(file),
                "-device",
                "virtio-blk-pci,drive=disk",
                "-netdev",
                "user,id=net,restrict=on",
                "-device",
                "virtio-net-pci,netdev=net,romfile=")));
    return command;
  }

  /** QEMU's option syntax wants commas of a value doubled. */
  static String commaSafe(Path path) {
    return path.toString().replace(",", ",,");
  }

  @Override
  public int beatsPerPass() {
    return workload.beatsPerPass();
  }

  @Override
  public int workingSetPages() {
    return workload.workingSetPages();
  }

  @Override
  public List<String> method() {
    return List.of(
        "Times count from the call that starts QEMU.",
        workload.sumsItsMemory()
            ? "memoryIdentical: the nonce of the guest's boot and its own checksum over all filled memory"
                + " are the same as before the save."
            : "A guest is recognised by the nonce of its boot; its memory was not compared.");
  }

  /** Boots it; returns as soon as its monitor and its console answer. */
  @Override
  public RunningMachine start() throws IOException {
    return RunningMachine.start(this);
  }

  @Override
  public RestoredMachine startForRestore(Purpose purpose) throws IOException {
    return RestoredMachine.start(this, purpose);
  }

  @Override
  public boolean identityCoversMemory() {
    return workload.sumsItsMemory();
  }

  @Override
  public List<String> rivals() throws IOException {
    return StockEager.of(kit.qemu()).stream().map(StockEager::label).toList();
  }
}
