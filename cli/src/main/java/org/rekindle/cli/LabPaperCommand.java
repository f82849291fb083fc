package org.rekindle.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.rekindle.cli.report.HtmlReport;
import org.rekindle.json.Json;
import org.rekindle.lab.DebianGuest;
import org.rekindle.lab.GuestKit;
import org.rekindle.lab.evaluation.EvaluatedGuest;
import org.rekindle.lab.evaluation.Evaluation;
import org.rekindle.lab.paper.PaperTables;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

@Command(
    name = "paper",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    header = "Repeats the evaluation of VEE'11, for real or simulated.",
    description =
        """

        For real: QEMU guests of 1 GiB with MPlayer, Redis, a JVM, PostgreSQL, an idle Debian \
        and the random microbenchmark are saved once each, and restored by every strategy with \
        working sets of access bits and of a trace, from a cold cache and a disk that is slowed \
        down by a control group. One guest has its set under- and overestimated as well. Writes \
        results.json, evaluation.json, tables.md, a plot for each guest and report.html.

        Needs root, for the control group and, once, to make the guest (three minutes). Whole, \
        it takes hours; what was interrupted goes on where it was when it is called again with \
        the same folder.

        With --simulate nothing is restored: the paper's own guests and disk are simulated \
        beside its figures, in half a minute.
        """,
    footer =
        """

        Example
          rekindle lab paper --quick
          rekindle lab paper --workload mplayer --workload redis --repetitions 5
          rekindle lab paper --workload small-192 --workload small-512 --repetitions 2
          rekindle lab paper --check-again rekindle-paper/simulated/small-192
          rekindle lab paper --simulate
        """,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "  0:everything asked for was measured",
      "  1:something was not, or something needed is missing",
      "  2:the command line was not understood",
      "130:interrupted; runs that had ended are kept"
    })
final class LabPaperCommand extends Operation {
  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "rekindle-paper",
      description = "Where runs and results go (default: ${DEFAULT-VALUE}).")
  private Path out = Path.of("rekindle-paper");

  @Option(
      names = "--workload",
      paramLabel = "NAME",
      description =
          "A guest to restore, instead of all; may be repeated: mplayer, redis, jvm, postgres,"
              + " idle, random-20, random-40, random-60, random-80; and small-192, small-512, which"
              + " only check the simulator.")
  private List<String> workloads = List.of();

  @Option(
      names = "--repetitions",
      paramLabel = "N",
      description = "Of each run (default: 3; quick: 1).")
  private @Nullable Integer repetitions;

  @Option(
      names = "--quick",
      description = "One guest (MPlayer), watched for a shorter time, once: under ten minutes.")
  private boolean quick;

  @Option(
      names = "--simulate",
      description = "Print the paper's figures beside simulated ones, and do nothing else.")
  private boolean simulate;

  @Option(
      names = "--check-again",
      paramLabel = "FOLDER",
      description =
          "Measure nothing; simulate the restores that an earlier run has kept for a guest in"
              + " FOLDER (…/simulated/GUEST), and print the errors. May be repeated; the host's costs"
              + " are those of the first.")
  private List<Path> checkAgain = List.of();

  @Override
  void run(Cleanup cleanup) throws IOException {
    if (!checkAgain.isEmpty()) {
      String tables = Evaluation.checkAgain(checkAgain);
      publish(new Result(tables, java.util.Map.of("tables", tables)));
      return;
    }
    if (simulate) {
      String tables = PaperTables.all();
      publish(new Result(tables, java.util.Map.of("tables", tables)));
      return;
    }
    List<String> keys =
        !workloads.isEmpty() ? workloads : quick ? List.of("mplayer") : EvaluatedGuest.KEYS;
    for (String key : keys) {
      if (!EvaluatedGuest.KEYS.contains(key) && !EvaluatedGuest.SMALL_KEYS.contains(key)) {
        throw new ParameterException(
            command(),
            "no workload is called %s; there are %s and %s"
                .formatted(key, EvaluatedGuest.KEYS, EvaluatedGuest.SMALL_KEYS));
      }
    }
    EvaluatedGuest.Steps steps = quick ? EvaluatedGuest.Steps.QUICK : EvaluatedGuest.Steps.FULL;
    GuestKit kit = GuestKit.provision(this::say);
    Optional<DebianGuest> debian =
        keys.stream().anyMatch(EvaluatedGuest::needsDebian)
            ? Optional.of(DebianGuest.provision(kit.qemu(), this::say))
            : Optional.empty();
    Evaluation.Settings settings =
        new Evaluation.Settings(
            keys.stream().map(key -> EvaluatedGuest.of(key, kit, debian, steps)).toList(),
            quick
                ? null
                : keys.stream().filter(EvaluatedGuest.KEYS::contains).findFirst().orElse(null),
            repetitions != null ? repetitions : quick ? 1 : 3,
            GuestKit.cache().resolve(quick ? "paper-saved-quick" : "paper-saved"),
            out,
            Version.number());
    try (Telling telling = new Telling(this)) {
      Evaluation evaluation = new Evaluation(settings, telling);
      publish(
          new Result(
              evaluation.run(),
              Json.parseObject(Files.readString(out.resolve("evaluation.json")))));
      HtmlReport.write(evaluation.results(), out.resolve("report.html"));
    }
  }
}
