package org.rekindle.cli;

import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToLongFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.rekindle.responsiveness.ResponsivenessClass;
import org.rekindle.responsiveness.Stall;
import org.rekindle.responsiveness.StallTimeline;
import org.rekindle.restore.Cause;
import org.rekindle.restore.DutyCycle;
import org.rekindle.restore.FaultLog;
import org.rekindle.restore.FaultSink;
import org.rekindle.restore.Gaps;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Plan;
import org.rekindle.restore.TtrTarget;

/** What {@code rekindle restore} tells of a restore that is over. */
final class RestoreReport {
  private static final long SECOND_NS = 1_000_000_000;

  /** A point of a TTR curve. */
  private record Point(String name, long windowNs, double utilisation) {}

  private static final List<Point> POINTS =
      List.of(
          new Point("0.1s@0.7", SECOND_NS / 10, 0.7),
          new Point("0.1s@0.9", SECOND_NS / 10, 0.9),
          new Point("1s@0.7", SECOND_NS, 0.7),
          new Point("1s@0.9", SECOND_NS, 0.9),
          new Point("10s@0.7", 10 * SECOND_NS, 0.7),
          new Point("10s@0.9", 10 * SECOND_NS, 0.9));

  private RestoreReport() {}

  static Operation.Result of(Restored restored, Milestones milestones) {
    Outcome outcome = restored.outcome();
    StallTimeline stalls = stalls(restored);
    Map<String, @Nullable Object> ttrMs = new LinkedHashMap<>();
    for (Point point : POINTS) {
      ttrMs.put(point.name, Figures.ms(stalls.ttr(point.windowNs).ttrNs(point.utilisation)));
    }
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("strategy", outcome.plan().strategy());
    json.put("startedAt", at(restored.fromNs()).toString());
    json.put("milestonesMs", milestones.ms());
    json.put("firstInstructionMs", Figures.ms(stalls.firstInstructionNs()));
    json.put("allInMs", Figures.ms(outcome.allInNs() - restored.fromNs()));
    json.put("ttrMs", ttrMs);
    if (outcome.plan().fill() instanceof Plan.Fill.FollowMisses(var _, var target)) {
      json.put("decision", decision(target, restored));
    }
    json.put("stallScope", stalls.scope().toString().toLowerCase(Locale.ROOT).replace('_', '-'));
    json.put("demandFaults", outcome.demandFaults());
    json.put("pauses", pauses(outcome.dutyCycle()));
    json.put("serviceUs", ServiceTimes.of(outcome.faults()));
    json.put("bytesRead", outcome.bytesRead());
    json.put("reads", outcome.reads());
    Map<String, @Nullable Object> placed = new LinkedHashMap<>();
    for (Cause cause : Cause.values()) {
      if (cause != Cause.LATE) {
        placed.put(
            cause.toString().toLowerCase(Locale.ROOT).replace('_', '-'),
            outcome.tally().placed(cause));
      }
    }
    json.put("pagesPlaced", placed);
    restored
        .blocktime()
        .ifPresent(time -> {
          json.put("qemuBlocktimeMs", time.allMs());
          json.put("qemuVcpuBlocktimeMs", time.vcpuMs());
        });
    return new Operation.Result(text(restored, stalls), json);
  }

  /** What the restore was to reach, and whether and why it gave up serving misses. */
  private static Map<String, @Nullable Object> decision(TtrTarget target, Restored restored) {
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("windowMs", target.windowNs() / 1e6);
    json.put("utilisation", target.utilisation());
    Outcome.InOneGo inOneGo = restored.outcome().inOneGo();
    json.put("inOneGo", inOneGo != null);
    if (inOneGo != null) {
      json.put("decidedMs", Figures.ms(inOneGo.decidedNs() - restored.fromNs()));
      json.put("misses", inOneGo.misses());
      json.put("servingMissesMs", Figures.ms(inOneGo.servingNs()));
      json.put("readingInOneGoMs", Figures.ms(inOneGo.readingNs()));
    }
    return json;
  }

  /** What a fault may have had to wait for: looks too far apart, ours and others', collections. */
  private static Map<String, @Nullable Object> pauses(DutyCycle dutyCycle) {
    Gaps gaps = dutyCycle.all();
    Gaps ours = dutyCycle.ours();
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("looks", gaps.count());
    json.put("medianGapUs", gaps.quantileNs(0.5) / 1e3);
    json.put("p99GapUs", gaps.quantileNs(0.99) / 1e3);
    json.put("longestGapUs", gaps.longestNs() / 1e3);
    json.put("gapsOver1Ms", gaps.longerThan(1_000_000));
    json.put("longestOwnGapUs", ours.longestNs() / 1e3);
    json.put("ownGapsOver1Ms", ours.longerThan(1_000_000));
    json.put("collections", collections(GarbageCollectorMXBean::getCollectionCount));
    json.put("collectionMs", collections(GarbageCollectorMXBean::getCollectionTime));
    return json;
  }

  private static long collections(ToLongFunction<GarbageCollectorMXBean> figure) {
    return ManagementFactory.getGarbageCollectorMXBeans().stream().mapToLong(figure).sum();
  }

  private static String text(Restored restored, StallTimeline stalls) {
    Outcome outcome = restored.outcome();
    long crispNs = stalls.ttr(SECOND_NS).ttrNs(0.9);
    String text =
        String.format(
            Locale.ROOT,
            """
            restored (%s)
              first instruction      after %s
              at 90 %% of its speed   after %s for good: %s
              all memory in          after %s
              waited for pages       %s times; %s of page data read in %s reads\
            """,
            outcome.plan().strategy(),
            Figures.time(stalls.firstInstructionNs()),
            Figures.time(crispNs),
            ResponsivenessClass.of(crispNs).words(),
            Figures.time(outcome.allInNs() - restored.fromNs()),
            Figures.count(outcome.demandFaults()),
            Figures.bytes((double) outcome.bytesRead()),
            Figures.count(outcome.reads()));
    Outcome.InOneGo inOneGo = outcome.inOneGo();
    String told =
        inOneGo == null
            ? text
            : text
                + "\n  read in one go         after %s misses: serving more would have taken %s, this %s"
                    .formatted(
                        Figures.count(inOneGo.misses()),
                        Figures.time(inOneGo.servingNs()),
                        Figures.time(inOneGo.readingNs()));
    return restored
        .blocktime()
        .map(time ->
            told + "\n  QEMU's own count       " + time.allMs() + " ms of all vCPUs blocked")
        .orElse(told);
  }

  /** The wall clock's reading at a time of {@link System#nanoTime}. */
  private static Instant at(long ns) {
    return Instant.now().minusNanos(System.nanoTime() - ns);
  }

  /**
   * Where the waiting virtual CPUs are known, threads of the VMM that are none do not count: no
   * guest stands still with them, unless it waits for them.
   */
  private static StallTimeline stalls(Restored restored) {
    Outcome outcome = restored.outcome();
    FaultLog log = outcome.faults();
    boolean known =
        restored.vcpus() > 0
            && IntStream.range(0, log.size()).noneMatch(i -> log.vcpu(i) == FaultSink.VCPU_UNKNOWN);
    long fromNs = restored.fromNs();
    List<Stall> stalls = new ArrayList<>(log.size());
    for (int i = 0; i < log.size(); i++) {
      if (!known || log.vcpu(i) != FaultSink.NOT_A_VCPU) {
        long arrivalNs = log.arrivalNs(i);
        long servedNs = Math.max(arrivalNs, log.servedNs(i));
        int vcpu = known ? log.vcpu(i) : Stall.VCPU_UNKNOWN;
        stalls.add(new Stall(arrivalNs - fromNs, servedNs - fromNs, vcpu));
      }
    }
    long startNs = Math.max(outcome.startedNs(), outcome.firstInstructionNs());
    return StallTimeline.of(startNs - fromNs, known ? restored.vcpus() : 0, stalls);
  }
}
