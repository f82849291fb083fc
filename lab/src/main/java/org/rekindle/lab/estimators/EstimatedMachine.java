package org.rekindle.lab.estimators;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.rekindle.guest.child.GuestConsole;
import org.rekindle.guest.qemu.QemuSave;
import org.rekindle.guest.qemu.SaveResult;
import org.rekindle.guest.qemu.ScannedRam;
import org.rekindle.image.ImageWriter;
import org.rekindle.lab.DemoMachine;
import org.rekindle.lab.GuestKit;
import org.rekindle.lab.RunningMachine;
import org.rekindle.lab.Subject;
import org.rekindle.lab.WorkloadParameters;
import org.rekindle.scan.ScannedMemory;
import org.rekindle.scan.UnmapAndObserve;
import org.rekindle.workingset.Sweeps;

/**
 * A Linux in QEMU that walks over a part of its memory, and now and then reads a page elsewhere.
 */
record EstimatedMachine(DemoMachine machine) implements EstimatedGuest {
  /** What Linux and its initramfs need beside the workload's data. */
  private static final int LINUX_MIB = 96;

  /** Then there is room for the work, too. */
  static final int LEAST_MIB = 128;

  private static final Duration MONITOR = Duration.ofSeconds(30);

  /**
   * The demo's walk, with a page from anywhere for every other beat: within a sweep these make 6 %
   * of what it touches, so that something is left that nobody can foresee.
   */
  static EstimatedMachine of(GuestKit kit, int memoryMiB) {
    return new EstimatedMachine(
        new DemoMachine(
            kit,
            "pc",
            1,
            memoryMiB,
            DemoMachine.Backing.MEMFD,
            Optional.empty(),
            new WorkloadParameters(
                memoryMiB - LINUX_MIB,
                memoryMiB * 3 / 32,
                128,
                200,
                1,
                1,
                new WorkloadParameters.Shape(false, 5, 2))));
  }

  @Override
  public String title() {
    return machine.description() + " in QEMU";
  }

  @Override
  public int memoryMiB() {
    return machine.memoryMiB();
  }

  @Override
  public List<Clone> truths() {
    return List.of(new Clone("it goes on", machine, Subject.Purpose.TRUTH));
  }

  @Override
  public Clone recorded(int number) {
    return new Clone("it goes on", machine, Subject.Purpose.CLONE);
  }

  @Override
  public Running start() throws IOException {
    RunningMachine running = machine.start();
    try {
      running.awaitReady();
      return new Linux(running, ScannedRam.of(running.qmp(), MONITOR));
    } catch (IOException | RuntimeException failed) {
      running.close();
      throw failed;
    }
  }

  private record Linux(RunningMachine machine, ScannedMemory memory) implements Running {
    @Override
    public GuestConsole console() {
      return machine.console();
    }

    @Override
    public List<Scanner> scanners() {
      return List.of(
          new Scanner("access bits, unmap and observe", () -> UnmapAndObserve.of(memory)));
    }

    @Override
    public LiveSave saveLive(Path image) throws IOException {
      Duration watched = Duration.ofNanos(Sweeps.sweepNs(memory.pages()));
      try (QemuSave save =
          QemuSave.live(machine.qmp(), image, ImageWriter.Options.DEFAULT, watched, (_, _) -> {})) {
        SaveResult result = save.run();
        return new LiveSave("write trace of a live save", result.writes().orElseThrow(), null);
      }
    }

    @Override
    public void close() throws IOException {
      machine.close();
    }
  }
}
