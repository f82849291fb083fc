package org.rekindle.lab;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.rekindle.responsiveness.ResponsivenessClass;
import org.rekindle.responsiveness.StallScope;
import org.rekindle.responsiveness.StallTimeline;
import org.rekindle.responsiveness.SteadyState;
import org.rekindle.responsiveness.TtrCurve.Vertex;

/**
 * One restore, measured: an element of {@code runs} in results.json. What is not known is null.
 *
 * <p>Every time is in milliseconds since the restore command. The meaning of each member is in
 * docs/formats/results.md, under the name that it has in the file.
 */
public record RunResult(
    Condition condition,
    Opening opening,
    Progress progress,
    Responsiveness responsiveness,
    Paging paging,
    Cost cost,
    Evidence evidence) {

  /** A run without anything measured yet: what was tried, and nothing else. */
  public static RunResult of(Condition condition) {
    return new RunResult(
        condition,
        Opening.UNKNOWN,
        Progress.UNKNOWN,
        Responsiveness.UNKNOWN,
        Paging.UNKNOWN,
        Cost.UNKNOWN,
        Evidence.NONE);
  }

  /** The same without what is long: its heartbeats, and its curves but for their named points. */
  public RunResult inShort() {
    return with(new Progress(
            progress.restoringFromMs,
            progress.firstInstructionMs,
            progress.firstHeartbeatMs,
            progress.backToNormalMs,
            progress.allInMs,
            progress.steadyState,
            List.of()))
        .with(new Responsiveness(responsiveness.stallScope, responsiveness.ttrMs, Map.of()));
  }

  /** The same run of a guest that has another name. */
  public RunResult ofGuest(String guest) {
    return new RunResult(
        new Condition(guest, condition.strategy(), condition.storage(), condition.repetition()),
        opening,
        progress,
        responsiveness,
        paging,
        cost,
        evidence);
  }

  public RunResult with(Opening measured) {
    return new RunResult(condition, measured, progress, responsiveness, paging, cost, evidence);
  }

  public RunResult with(Progress measured) {
    return new RunResult(condition, opening, measured, responsiveness, paging, cost, evidence);
  }

  public RunResult with(Responsiveness measured) {
    return new RunResult(condition, opening, progress, measured, paging, cost, evidence);
  }

  public RunResult with(Paging measured) {
    return new RunResult(condition, opening, progress, responsiveness, measured, cost, evidence);
  }

  public RunResult with(Cost measured) {
    return new RunResult(condition, opening, progress, responsiveness, paging, measured, evidence);
  }

  public RunResult with(Evidence collected) {
    return new RunResult(condition, opening, progress, responsiveness, paging, cost, collected);
  }

  /** The same run, once it is known how its restore went on. */
  RunResult restored(@Nullable Double restoringFromMs, Double allInMs) {
    return with(progress.restored(restoringFromMs, allInMs));
  }

  /** All its numbers, by the names that they have in results.json; null where one is not known. */
  public Map<String, @Nullable Number> numbers() {
    Map<String, @Nullable Number> numbers = new LinkedHashMap<>();
    numbers.put("openedMs", opening.openedMs());
    numbers.put("openingVmmCpuMs", opening.vmmCpuMs());
    numbers.put("openingDeviceBytes", opening.deviceBytes());
    numbers.put("openingDeviceReads", opening.deviceReads());
    numbers.put("restoringFromMs", progress.restoringFromMs());
    numbers.put("firstInstructionMs", progress.firstInstructionMs());
    numbers.put("firstHeartbeatMs", progress.firstHeartbeatMs());
    numbers.put("backToNormalMs", progress.backToNormalMs());
    numbers.put("allInMs", progress.allInMs());
    numbers.put("demandFaults", paging.demandFaults());
    numbers.put("lateFaults", paging.lateFaults());
    numbers.put("zeroPagesPlaced", paging.zeroPagesPlaced());
    numbers.put("bytesRead", paging.bytesRead());
    numbers.put("reads", paging.reads());
    numbers.put("pagesPrefetched", paging.pagesPrefetched());
    numbers.put("pagesPrefetchedUsed", paging.pagesPrefetchedUsed());
    numbers.put("coverage", paging.coverage());
    numbers.put("precision", paging.precision());
    numbers.put("cpuMs", cost.cpuMs());
    numbers.put("vmmCpuMs", cost.vmmCpuMs());
    numbers.put("peakMemoryBytes", cost.peakMemoryBytes());
    numbers.put("vmmPeakMemoryBytes", cost.vmmPeakMemoryBytes());
    numbers.put("deviceBytes", cost.deviceBytes());
    numbers.put("deviceReads", cost.deviceReads());
    numbers.put("postcopyBlocktimeMs", evidence.postcopyBlocktimeMs());
    return numbers;
  }

  /**
   * What was restored how. Runs that differ in {@code repetition} only are repetitions of one
   * another.
   *
   * @param guest the guest in a few words, such as {@code "1 GiB Linux, 1 vCPU, pc"}
   * @param strategy {@code "eager"}, {@code "lazy"}, {@code "working-set"}, {@code "adaptive"} or
   *     the name of a peer, such as {@code "stock QEMU"}
   * @param storage the storage condition in a few words, such as {@code "disk, 100 MB/s"}
   * @param repetition from 1
   */
  public record Condition(String guest, String strategy, String storage, int repetition) {
    public Condition {
      if (guest.isBlank() || strategy.isBlank() || storage.isBlank() || repetition < 1) {
        throw new IllegalArgumentException(
            "a run names its guest, strategy and storage, and repetitions count from 1");
      }
    }
  }

  /**
   * What had happened when all was ready and memory began to be restored.
   *
   * @param openedMs when the image's metadata had been read; negative where that was before the
   *     command
   * @param vmmCpuMs processor time of the guest's process
   * @param deviceBytes bytes that were read from the device, by whomever
   * @param deviceReads in how many reads
   */
  public record Opening(
      @Nullable Double openedMs,
      @Nullable Double vmmCpuMs,
      @Nullable Long deviceBytes,
      @Nullable Long deviceReads) {
    static final Opening UNKNOWN = new Opening(null, null, null, null);
  }

  /**
   * How the guest came back, seen from outside.
   *
   * @param restoringFromMs when all was ready, and its memory began to be restored
   * @param allInMs when the last page was in
   * @param steadyState the heartbeat before the save
   * @param beatsMs when each heartbeat after the restore was seen
   */
  public record Progress(
      @Nullable Double restoringFromMs,
      @Nullable Double firstInstructionMs,
      @Nullable Double firstHeartbeatMs,
      @Nullable Double backToNormalMs,
      @Nullable Double allInMs,
      @Nullable SteadyState steadyState,
      List<Double> beatsMs) {
    static final Progress UNKNOWN = new Progress(null, null, null, null, null, null, List.of());

    public Progress {
      beatsMs = List.copyOf(beatsMs);
    }

    private Progress restored(@Nullable Double fromMs, Double untilMs) {
      return new Progress(
          fromMs,
          firstInstructionMs,
          firstHeartbeatMs,
          backToNormalMs,
          untilMs,
          steadyState,
          beatsMs);
    }
  }

  /**
   * What the stalls mean.
   *
   * @param ttrMs TTR(w,u) under keys such as {@code "1s@0.9"}: every combination of {@link
   *     #WINDOWS} and {@link #UTILISATIONS}
   * @param ttrCurve for each window, the whole curve as points
   */
  public record Responsiveness(
      @Nullable StallScope stallScope,
      Map<String, @Nullable Double> ttrMs,
      Map<String, List<Vertex>> ttrCurve) {
    /** The windows of VEE'11, which are Miller's three times: name in keys, and length in ns. */
    public static final Map<String, Long> WINDOWS = windows();

    /** The utilisations that have a number of their own. */
    public static final List<String> UTILISATIONS =
        List.of("0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "0.95", "0.99");

    /**
     * The curves are stored to a thousandth of the time: less than a pixel in any plot of them, and
     * at most 2,000 points however many faults there were.
     */
    private static final double CURVE_TOLERANCE = 0.001;

    static final Responsiveness UNKNOWN = new Responsiveness(null, unknown(), Map.of());

    /** All that a timeline says. */
    public static Responsiveness of(StallTimeline timeline) {
      Map<String, @Nullable Double> ttrMs = new LinkedHashMap<>();
      Map<String, List<Vertex>> curves = new LinkedHashMap<>();
      WINDOWS.forEach((window, windowNs) -> {
        var curve = timeline.ttr(windowNs);
        for (String utilisation : UTILISATIONS) {
          double u = Double.parseDouble(utilisation);
          ttrMs.put(window + "@" + utilisation, curve.ttrNs(u) / 1e6);
        }
        curves.put(window, curve.vertices(CURVE_TOLERANCE));
      });
      return new Responsiveness(timeline.scope(), ttrMs, curves);
    }

    /** How the wait for 90 % of every second feels: the class of TTR(1 s, 0.9). */
    public Optional<ResponsivenessClass> responsivenessClass() {
      return Optional.ofNullable(ttrMs.get("1s@0.9"))
          .map(ms -> ResponsivenessClass.of(Math.round(ms * 1e6)));
    }

    private static Map<String, Long> windows() {
      Map<String, Long> windows = new LinkedHashMap<>();
      windows.put("0.1s", 100_000_000L);
      windows.put("1s", 1_000_000_000L);
      windows.put("10s", 10_000_000_000L);
      return java.util.Collections.unmodifiableMap(windows);
    }

    private static Map<String, @Nullable Double> unknown() {
      Map<String, @Nullable Double> ttrMs = new LinkedHashMap<>();
      for (String window : WINDOWS.keySet()) {
        for (String utilisation : UTILISATIONS) {
          ttrMs.put(window + "@" + utilisation, null);
        }
      }
      return ttrMs;
    }
  }

  /**
   * What the pager did.
   *
   * @param demandFaults faults that waited for a page to be brought
   * @param lateFaults faults that waited for a page which was already on its way
   * @param zeroPagesPlaced pages of zeros, which cost no read
   * @param bytesRead bytes of page data read from storage
   * @param reads in how many reads
   * @param pagesPrefetched pages that the plan brought before anybody asked
   * @param pagesPrefetchedUsed those of them that the guest touched later
   */
  public record Paging(
      @Nullable Long demandFaults,
      @Nullable Long lateFaults,
      @Nullable Long zeroPagesPlaced,
      @Nullable Long bytesRead,
      @Nullable Long reads,
      @Nullable Long pagesPrefetched,
      @Nullable Long pagesPrefetchedUsed) {
    static final Paging UNKNOWN = new Paging(null, null, null, null, null, null, null);

    /**
     * Share of the pages the guest needed that prefetch had brought: used / (used + demand faults).
     */
    public @Nullable Double coverage() {
      if (pagesPrefetchedUsed == null || demandFaults == null) {
        return null;
      }
      long needed = pagesPrefetchedUsed + demandFaults;
      return needed == 0 ? null : (double) pagesPrefetchedUsed / needed;
    }

    /** Share of the prefetched pages that the guest needed. */
    public @Nullable Double precision() {
      return pagesPrefetchedUsed == null || pagesPrefetched == null || pagesPrefetched == 0
          ? null
          : (Double) ((double) pagesPrefetchedUsed / pagesPrefetched);
    }
  }

  /**
   * What it cost the host until all was in.
   *
   * @param cpuMs processor time of our process
   * @param vmmCpuMs of the guest's process, the work of the guest included
   * @param peakMemoryBytes most memory that was resident in our process
   * @param vmmPeakMemoryBytes the same of the guest's process
   * @param deviceBytes bytes that were read from the device, by whomever
   * @param deviceReads in how many reads, as the kernel's controller counts
   */
  public record Cost(
      @Nullable Double cpuMs,
      @Nullable Double vmmCpuMs,
      @Nullable Long peakMemoryBytes,
      @Nullable Long vmmPeakMemoryBytes,
      @Nullable Long deviceBytes,
      @Nullable Long deviceReads) {
    static final Cost UNKNOWN = new Cost(null, null, null, null, null, null);
  }

  /**
   * What the run can be checked with.
   *
   * @param memoryIdentical whether all memory of the guest was found equal to the image
   * @param faultLog name of the CSV file beside results.json that holds every fault
   * @param memoryBytes length of each region of guest memory, by name
   * @param postcopyBlocktimeMs QEMU's own measure of how long virtual CPUs were blocked
   * @param remark what a reader should know about this run
   */
  public record Evidence(
      @Nullable Boolean memoryIdentical,
      @Nullable String faultLog,
      Map<String, Long> memoryBytes,
      @Nullable String qemuVersion,
      @Nullable Double postcopyBlocktimeMs,
      @Nullable String remark) {
    static final Evidence NONE = new Evidence(null, null, Map.of(), null, null, null);
  }
}
