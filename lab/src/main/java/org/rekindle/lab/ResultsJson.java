package org.rekindle.lab;

import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rekindle.lab.RunResult.Condition;
import org.rekindle.lab.RunResult.Cost;
import org.rekindle.lab.RunResult.Evidence;
import org.rekindle.lab.RunResult.Opening;
import org.rekindle.lab.RunResult.Paging;
import org.rekindle.lab.RunResult.Progress;
import org.rekindle.lab.RunResult.Responsiveness;
import org.rekindle.responsiveness.ResponsivenessClass;
import org.rekindle.responsiveness.StallScope;
import org.rekindle.responsiveness.SteadyState;
import org.rekindle.responsiveness.TtrCurve.Vertex;

/**
 * Results as a JSON tree and back. The names in results.json are here, but for those that the page
 * of a report has too: {@link RunResult#numbers} and {@link Environment#members}.
 *
 * <p>Each run is one flat object, so that it reads well and loads as one row; the groups of {@link
 * RunResult} exist in the code only.
 */
final class ResultsJson {
  private ResultsJson() {}

  static Map<String, @Nullable Object> document(Environment environment, List<RunResult> runs) {
    Map<String, @Nullable Object> document = new LinkedHashMap<>();
    document.put("format", Results.FORMAT);
    document.put("version", Results.VERSION);
    document.put("environment", environment.members());
    document.put("runs", runs.stream().map(ResultsJson::tree).toList());
    return document;
  }

  private static Map<String, @Nullable Object> tree(RunResult run) {
    Map<String, @Nullable Object> tree = new LinkedHashMap<>();
    Condition condition = run.condition();
    tree.put("guest", condition.guest());
    tree.put("strategy", condition.strategy());
    tree.put("storage", condition.storage());
    tree.put("repetition", condition.repetition());
    tree.putAll(run.numbers());
    Responsiveness responsiveness = run.responsiveness();
    StallScope scope = responsiveness.stallScope();
    tree.put("stallScope", scope == null ? null : word(scope));
    tree.put("ttrMs", responsiveness.ttrMs());
    tree.put(
        "responsivenessClass",
        responsiveness.responsivenessClass().map(ResponsivenessClass::words).orElse(null));
    Evidence evidence = run.evidence();
    tree.put("memoryIdentical", evidence.memoryIdentical());
    tree.put("faultLog", evidence.faultLog());
    tree.put("memoryBytes", evidence.memoryBytes());
    tree.put("qemuVersion", evidence.qemuVersion());
    tree.put("remark", evidence.remark());
    Progress progress = run.progress();
    SteadyState steady = progress.steadyState();
    tree.put("steadyState", steady == null ? null : tree(steady));
    tree.put("beatsMs", progress.beatsMs());
    Map<String, @Nullable Object> curves = new LinkedHashMap<>();
    responsiveness
        .ttrCurve()
        .forEach((window, curve) ->
            curves.put(
                window,
                curve.stream().map(v -> List.of(v.timeNs() / 1e6, v.utilisation())).toList()));
    tree.put("ttrCurve", curves);
    return tree;
  }

  private static Map<String, @Nullable Object> tree(SteadyState steady) {
    Map<String, @Nullable Object> tree = new LinkedHashMap<>();
    tree.put("beatsPerSecond", steady.beatsPerSecond());
    tree.put("deviation", steady.deviation());
    tree.put("windowMs", steady.windowNs() / 1e6);
    return tree;
  }

  static Results.Session session(@Nullable Object json, Path directory) {
    if (!(json instanceof Map<?, ?> map) || !Results.FORMAT.equals(map.get("format"))) {
      throw new IllegalArgumentException(
          "not a results file of Rekindle: \"format\" is not \"" + Results.FORMAT + "\"");
    }
    JsonObject document = JsonObject.root(json);
    long version = document.wholeNumber("version");
    if (version > Results.VERSION) {
      throw new IllegalArgumentException(
          "written by a newer Rekindle: version %d, this one reads up to %d; upgrade to read it"
              .formatted(version, Results.VERSION));
    }
    if (version < 1) {
      throw new IllegalArgumentException("there is no version " + version + " of results");
    }
    List<RunResult> runs = new ArrayList<>();
    for (JsonObject run : document.objects("runs")) {
      runs.add(run(run));
    }
    return new Results.Session(environment(document.object("environment")), runs, directory);
  }

  private static Environment environment(JsonObject tree) {
    return new Environment(
        tree.text("machine"),
        tree.text("kernel"),
        tree.positive("cores"),
        tree.text("storage"),
        tree.textOrNull("throttle"),
        tree.text("rekindleVersion"),
        tree.convert("date", "a date such as 2026-01-31T12:00:00Z", Instant::parse),
        tree.texts("method"));
  }

  private static RunResult run(JsonObject tree) {
    JsonObject steady = tree.objectOrNull("steadyState");
    return new RunResult(
        new Condition(
            tree.text("guest"),
            tree.text("strategy"),
            tree.text("storage"),
            tree.positive("repetition")),
        new Opening(
            tree.numberOrNull("openedMs"),
            tree.numberOrNull("openingVmmCpuMs"),
            tree.countOrNull("openingDeviceBytes"),
            tree.countOrNull("openingDeviceReads")),
        new Progress(
            tree.numberOrNull("restoringFromMs"),
            tree.numberOrNull("firstInstructionMs"),
            tree.numberOrNull("firstHeartbeatMs"),
            tree.numberOrNull("backToNormalMs"),
            tree.numberOrNull("allInMs"),
            steady == null ? null : steadyState(steady),
            tree.numbers("beatsMs")),
        new Responsiveness(
            tree.get("stallScope") == null
                ? null
                : tree.convert(
                    "stallScope", "\"guest\", \"vcpu\" or \"client\"", ResultsJson::scope),
            ttr(tree.object("ttrMs")),
            curves(tree.object("ttrCurve"))),
        new Paging(
            tree.countOrNull("demandFaults"),
            tree.countOrNull("lateFaults"),
            tree.countOrNull("zeroPagesPlaced"),
            tree.countOrNull("bytesRead"),
            tree.countOrNull("reads"),
            tree.countOrNull("pagesPrefetched"),
            tree.countOrNull("pagesPrefetchedUsed")),
        new Cost(
            tree.numberOrNull("cpuMs"),
            tree.numberOrNull("vmmCpuMs"),
            tree.countOrNull("peakMemoryBytes"),
            tree.countOrNull("vmmPeakMemoryBytes"),
            tree.countOrNull("deviceBytes"),
            tree.countOrNull("deviceReads")),
        new Evidence(
            tree.flagOrNull("memoryIdentical"),
            tree.get("faultLog") == null
                ? null
                : tree.convert(
                    "faultLog", "the name of a file beside results.json", ResultsJson::fileName),
            memory(tree.object("memoryBytes")),
            tree.textOrNull("qemuVersion"),
            tree.numberOrNull("postcopyBlocktimeMs"),
            tree.textOrNull("remark")));
  }

  private static SteadyState steadyState(JsonObject tree) {
    return new SteadyState(
        tree.number("beatsPerSecond"),
        tree.number("deviation"),
        Math.round(tree.number("windowMs") * 1e6));
  }

  private static Map<String, @Nullable Double> ttr(JsonObject tree) {
    Map<String, @Nullable Double> ttrMs = new LinkedHashMap<>();
    for (String key : Responsiveness.UNKNOWN.ttrMs().keySet()) {
      ttrMs.put(key, tree.numberOrNull(key));
    }
    return ttrMs;
  }

  private static Map<String, List<Vertex>> curves(JsonObject tree) {
    Map<String, List<Vertex>> curves = new LinkedHashMap<>();
    for (String window : Responsiveness.WINDOWS.keySet()) {
      if (tree.get(window) == null) {
        continue;
      }
      List<Vertex> curve = new ArrayList<>();
      for (double[] point : tree.points(window)) {
        curve.add(new Vertex(Math.round(point[0] * 1e6), point[1]));
      }
      curves.put(window, curve);
    }
    return curves;
  }

  private static Map<String, Long> memory(JsonObject tree) {
    Map<String, Long> memory = new LinkedHashMap<>();
    for (String region : tree.names()) {
      Long bytes = tree.countOrNull(region);
      if (bytes != null) {
        memory.put(region, bytes);
      }
    }
    return memory;
  }

  private static String word(StallScope scope) {
    return switch (scope) {
      case PER_GUEST -> "guest";
      case PER_VCPU -> "vcpu";
      case PER_CLIENT -> "client";
    };
  }

  private static StallScope scope(String word) {
    return switch (word.toLowerCase(Locale.ROOT)) {
      case "guest" -> StallScope.PER_GUEST;
      case "vcpu" -> StallScope.PER_VCPU;
      case "client" -> StallScope.PER_CLIENT;
      default -> throw new IllegalArgumentException("no such scope");
    };
  }

  /** A results file from elsewhere must not make us open what it likes. */
  private static String fileName(String name) {
    Path path = Path.of(name);
    if (path.getNameCount() != 1 || path.isAbsolute() || name.startsWith(".")) {
      throw new IllegalArgumentException("not a plain file name");
    }
    return name;
  }
}
