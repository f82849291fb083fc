package org.rekindle.lab.bench;

import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.rekindle.lab.DemoMachine;
import org.rekindle.lab.DemoProcess;
import org.rekindle.lab.GuestKit;
import org.rekindle.lab.Subject;
import org.rekindle.lab.WorkloadParameters;
import org.rekindle.restore.Strategy;

/**
 * A guest of the comparison.
 *
 * @param name of its folder, such as {@code "qemu-scattered"}
 * @param subject the guest itself
 * @param options of the strategies: how fast the paper's fill goes
 */
public record BenchGuest(String name, Subject subject, Strategy.Options options) {
  /*
   * Three shapes of a working set in QEMU. What a restore can win depends on how fast the guest
   * touches its set, in which order, and how much comes late:
   *
   *   scattered   the demo's: 96 MiB in random order, a pass in 4 s, a fifth of the pages written
   *   fast        64 MiB in the order of addresses, as fast as memory: no restore can keep up, and
   *               address order is right
   *   stragglers  48 MiB in random order, slowly, half of the pages written; every few beats a page
   *               that nobody has touched before, from anywhere in memory: VEE'11's late faults
   *
   * and the process guest's store, whose requests never come in the recorded order.
   */

  /** The shapes in QEMU. */
  public static List<BenchGuest> qemu(GuestKit kit) {
    return List.of(
        of("qemu-scattered", kit, 1024, WorkloadParameters.DEMO),
        of(
            "qemu-fast",
            kit,
            512,
            new WorkloadParameters(360, 64, 256, 10, 2, 1)
                .withShape(new WorkloadParameters.Shape(true, 5, 0))),
        of(
            "qemu-stragglers",
            kit,
            512,
            new WorkloadParameters(360, 48, 64, 300, 3, 1)
                .withShape(new WorkloadParameters.Shape(false, 2, 4))));
  }

  private static BenchGuest of(
      String name, GuestKit kit, int memoryMiB, WorkloadParameters workload) {
    return new BenchGuest(
        name,
        new DemoMachine(
            kit, "pc", 1, memoryMiB, DemoMachine.Backing.ANONYMOUS, Optional.empty(), workload),
        Strategy.Options.DEFAULT);
  }

  /** The process guest, filled twice as fast as the paper's, as in the demo. */
  public static BenchGuest process() {
    return new BenchGuest(
        "process-store",
        DemoProcess.demo(),
        new Strategy.Options(2 * Strategy.PAPER_FILL_PAGES_PER_SECOND, Integer.MAX_VALUE));
  }

  /** Process guests of 1, 4 and 16 GiB with the working set of {@link #process}. */
  static List<BenchGuest> growth() {
    return IntStream.of(1, 4, 16)
        .mapToObj(gib ->
            new BenchGuest("growth-" + gib + "g", DemoProcess.grown(gib), Strategy.Options.DEFAULT))
        .toList();
  }
}
