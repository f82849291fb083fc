package org.rekindle.lab.evaluation;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.rekindle.lab.DebianGuest;
import org.rekindle.lab.DebianWorkload;
import org.rekindle.lab.DemoMachine;
import org.rekindle.lab.GuestKit;
import org.rekindle.lab.WorkloadParameters;

/**
 * A guest of the evaluation: 1 GiB (two small ones have less), one virtual CPU, software emulation.
 *
 * @param key names it on the command line and in folders
 * @param title names it in results
 * @param version changes with what it is made of
 * @param steps of its preparation: how long it is watched
 */
public record EvaluatedGuest(
    String key, String title, DemoMachine machine, String version, Steps steps) {
  /** The keys of all guests, in the order in which they are restored. */
  public static final List<String> KEYS =
      List.of(
          "mplayer",
          "redis",
          "jvm",
          "postgres",
          "idle",
          "random-20",
          "random-40",
          "random-60",
          "random-80");

  /**
   * Small ones that are up in seconds and need no Debian: for checking the simulator. They walk
   * over memory in a fixed random order, the second over a set three times as large.
   */
  public static final List<String> SMALL_KEYS = List.of("small-192", "small-512");

  /** What the random microbenchmark fills; the rest of 1 GiB is for the kernel. */
  private static final int FILLED_MIB = 840;

  /** A few hashes over a page: the walk is to wait for memory and not for its own sums. */
  private static final int RANDOM_ROUNDS = 10;

  private static final int RANDOM_BATCH = 256;

  /**
   * How long a guest is watched.
   *
   * @param intervalNs guest's time between two checkpoints of the lookback
   * @param intervals of the lookback
   * @param recordingNs for how long a clone is recorded, by the clock
   * @param otherInput whether one is recorded with other input, too
   */
  public record Steps(long intervalNs, int intervals, long recordingNs, boolean otherInput) {
    /** As long as the paper's slow fill, 64 s: what is touched after it waits for nobody. */
    public static final Steps FULL = new Steps(16_000_000_000L, 4, 66_000_000_000L, true);

    /** A shorter lookback, and one input. */
    public static final Steps QUICK = new Steps(5_000_000_000L, 2, 66_000_000_000L, false);

    /** For small guests, which pass over all that they ever touch in a second or two. */
    static final Steps SMALL = new Steps(2_000_000_000L, 2, 30_000_000_000L, false);
  }

  /**
   * The guest of that key.
   *
   * @param debian empty for guests that need none
   */
  public static EvaluatedGuest of(
      String key, GuestKit kit, Optional<DebianGuest> debian, Steps steps) {
    if (SMALL_KEYS.contains(key)) {
      return key.endsWith("192")
          ? small(key, kit, 192, WorkloadParameters.SMALL)
          : small(key, kit, 512, new WorkloadParameters(320, 48, 128, 100, 7, 1));
    }
    if (!needsDebian(key)) {
      int percent = Integer.parseInt(key.substring("random-".length()));
      WorkloadParameters walk =
          new WorkloadParameters(
              FILLED_MIB, 1024 * percent / 100, RANDOM_BATCH, RANDOM_ROUNDS, 1, 1);
      return new EvaluatedGuest(
          key,
          "random " + percent + " %",
          new DemoMachine(kit, "pc", 1, 1024, DemoMachine.Backing.MEMFD, Optional.empty(), walk),
          kit.initramfs().getFileName().toString(),
          steps);
    }
    DebianGuest guest = debian.orElseThrow();
    DebianWorkload workload = DebianWorkload.valueOf(key.toUpperCase(Locale.ROOT));
    return new EvaluatedGuest(
        key, workload.title(), guest.machine(workload), guest.version(), steps);
  }

  private static EvaluatedGuest small(
      String key, GuestKit kit, int memoryMiB, WorkloadParameters walk) {
    return new EvaluatedGuest(
        key,
        "small, %d MiB".formatted(memoryMiB),
        new DemoMachine(kit, "pc", 1, memoryMiB, DemoMachine.Backing.MEMFD, Optional.empty(), walk),
        kit.initramfs().getFileName().toString(),
        Steps.SMALL);
  }

  /** Whether a guest of that key is one of {@link DebianGuest}. */
  public static boolean needsDebian(String key) {
    return !key.startsWith("random-") && !SMALL_KEYS.contains(key);
  }

  /** What tells it to go on with other input; empty if it has none. */
  Optional<String> otherInput() {
    return steps.otherInput() && machine.workload() instanceof DebianWorkload debian
        ? debian.otherInput()
        : Optional.empty();
  }

  /** What its results say of how it is measured. */
  List<String> method() {
    List<String> method = new ArrayList<>(machine.method());
    method.add(
        "Access bits: %d checkpoints, %.0f s of the guest's time apart, were recorded in throw-away"
                .formatted(steps.intervals(), steps.intervalNs() / 1e9)
            + " clones until the next; what they touched is what one sweep over access bits in all"
            + " that time would have found.");
    method.add(
        "Trace: recorded once from the image for %.0f s, without a throttle; coverage and precision"
                .formatted(steps.recordingNs() / 1e9)
            + " are against a second recording.");
    return method;
  }
}
