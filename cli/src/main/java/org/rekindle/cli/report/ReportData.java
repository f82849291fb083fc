package org.rekindle.cli.report;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rekindle.lab.Results;
import org.rekindle.lab.RunResult;
import org.rekindle.lab.Spread;
import org.rekindle.responsiveness.ResponsivenessClass;

/** Results as the JSON tree that the page's scripts draw. */
final class ReportData {
  /** Runs of different sessions are no repetitions of one another: the machine may differ. */
  private record Scene(int session, String guest, String storage) {}

  private ReportData() {}

  static Map<String, @Nullable Object> of(Results results) {
    Map<Scene, Map<String, List<RunResult>>> scenes = new LinkedHashMap<>();
    for (int session = 0; session < results.sessions().size(); session++) {
      for (RunResult run : results.sessions().get(session).runs()) {
        RunResult.Condition condition = run.condition();
        scenes
            .computeIfAbsent(
                new Scene(session, condition.guest(), condition.storage()),
                scene -> new LinkedHashMap<>())
            .computeIfAbsent(condition.strategy(), strategy -> new ArrayList<>())
            .add(run);
      }
    }
    List<Object> conditions = new ArrayList<>();
    scenes.forEach((scene, byStrategy) -> {
      List<Contender> contenders = new ArrayList<>();
      byStrategy.forEach((strategy, runs) -> contenders.add(new Contender(strategy, runs)));
      contenders.sort(Contender.FASTEST_FIRST);
      Path directory = results.sessions().get(scene.session).directory();
      Map<String, @Nullable Object> tree = new LinkedHashMap<>();
      tree.put("guest", scene.guest);
      tree.put("storage", scene.storage);
      tree.put("session", scene.session);
      tree.put("headline", Headline.of(contenders));
      tree.put("strategies", contenders.stream().map(each -> contender(each, directory)).toList());
      conditions.add(tree);
    });
    Map<String, @Nullable Object> tree = new LinkedHashMap<>();
    tree.put("windows", new ArrayList<>(RunResult.Responsiveness.WINDOWS.keySet()));
    tree.put("utilisations", RunResult.Responsiveness.UTILISATIONS);
    tree.put("conditions", conditions);
    tree.put(
        "environments",
        results.sessions().stream().map(session -> session.environment().members()).toList());
    return tree;
  }

  private static Map<String, @Nullable Object> contender(Contender contender, Path directory) {
    RunResult typical = contender.typical();
    Map<String, @Nullable Object> tree = new LinkedHashMap<>();
    tree.put("name", contender.strategy());
    Map<String, @Nullable Object> numbers = new LinkedHashMap<>();
    for (String name : typical.numbers().keySet()) {
      numbers.put(name, spread(contender.spread(run -> run.numbers().get(name))));
    }
    for (String key : typical.responsiveness().ttrMs().keySet()) {
      numbers.put(key, spread(contender.ttrMs(key)));
    }
    tree.put("numbers", numbers);
    Spread deciding = contender.ttrMs(Contender.DECIDING);
    tree.put(
        "feels",
        deciding == null
            ? null
            : ResponsivenessClass.of(Math.round(deciding.median() * 1e6)).words());
    tree.put("typical", typical.condition().repetition());
    tree.put("heartbeat", HeartbeatRate.of(typical.progress()));
    tree.put("faults", FaultMap.of(typical, directory));
    tree.put("runs", contender.runs().stream().map(ReportData::run).toList());
    return tree;
  }

  private static @Nullable Map<String, Object> spread(@Nullable Spread spread) {
    return spread == null
        ? null
        : Map.of(
            "median", spread.median(),
            "min", spread.min(),
            "max", spread.max(),
            "known", spread.known());
  }

  private static Map<String, @Nullable Object> run(RunResult run) {
    Map<String, @Nullable Object> tree = new LinkedHashMap<>();
    tree.put("repetition", run.condition().repetition());
    tree.putAll(run.numbers());
    tree.put("ttrMs", run.responsiveness().ttrMs());
    tree.put("stallScope", String.valueOf(run.responsiveness().stallScope()));
    tree.put("memoryIdentical", run.evidence().memoryIdentical());
    tree.put("qemuVersion", run.evidence().qemuVersion());
    tree.put("faultLog", run.evidence().faultLog());
    tree.put("remark", run.evidence().remark());
    Map<String, @Nullable Object> curves = new LinkedHashMap<>();
    run.responsiveness()
        .ttrCurve()
        .forEach((window, curve) ->
            curves.put(
                window,
                curve.stream()
                    .map(v -> List.of(rounded(v.timeNs() / 1e9), rounded(v.utilisation())))
                    .toList()));
    tree.put("curves", curves);
    return tree;
  }

  /** To a millionth: a microsecond, or a hundredth of what any plot can show. */
  private static double rounded(double value) {
    return Math.round(value * 1e6) / 1e6;
  }
}
