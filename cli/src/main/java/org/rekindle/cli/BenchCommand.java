package org.rekindle.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rekindle.cli.report.HtmlReport;
import org.rekindle.lab.GuestKit;
import org.rekindle.lab.Results;
import org.rekindle.lab.bench.Bench;
import org.rekindle.lab.bench.BenchFindings;
import org.rekindle.lab.bench.BenchGuest;
import org.rekindle.lab.bench.BenchReport;
import org.rekindle.lab.bench.Comparison;
import org.rekindle.lab.bench.StorageCondition;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    header = "Measures every way to restore on the same work, in one run.",
    description =
        """

        Each guest is saved once and restored by everyone in turns, from a page cache that was \
        dropped and verified: stock QEMU (its stream, and mapped-ram from QEMU 9 on), postcopy \
        with a linear fill, the orders of REAP and FaaSnap, eager, lazy, VEE'11's working set, \
        and adaptive; beside them an oracle, the lower bound for the device as it was measured \
        in the same run. Then adaptive alone in guests of 1, 4 and 16 GiB with one working set \
        (the largest needs 20 GiB of memory), and 1, 4 and 16 restores from one image at once.
        Every run is kept at once. Give the same command again to go on after an interruption, \
        or with more --rounds to add some. At the beginning it says how long it will take.

        Writes bench.md with a plot for each comparison, report.html, and for each guest and \
        storage results.json, device.json and the fault logs.
        """,
    footer =
        """

        Example
          rekindle bench --quick
          rekindle bench --guest process --storage disk,sata --rounds 5
          rekindle bench --guest process --storage object --only adaptive,eager
          rekindle bench --rounds 5 --out /var/tmp/bench
        """,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "  0:measured; every restore brought the memory back as it was",
      "  1:one did not, or something needed is missing",
      "  2:the command line was not understood",
      "130:interrupted; what was measured is kept, no guest or cgroup is left"
    })
final class BenchCommand extends Operation {
  private static final int ROUNDS = 5;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "rekindle-bench",
      description = "Where results go (default: ${DEFAULT-VALUE}).")
  private Path out = Path.of("rekindle-bench");

  @Option(
      names = "--quick",
      description = "One round of one guest on the slow disk, under ten minutes.")
  private boolean quick;

  @Option(
      names = "--guest",
      paramLabel = "KIND",
      split = ",",
      description = "Kinds of guests: ${COMPLETION-CANDIDATES} (default: both).")
  private List<DemoCommand.Guest> guests = List.of();

  @Option(
      names = "--storage",
      paramLabel = "NAME",
      split = ",",
      description =
          "Storage: ${COMPLETION-CANDIDATES} (default: all): a warm page cache, a disk of 120"
              + " MB/s and 120 reads/s, an SSD of 500 MB/s and 10,000 reads/s, the device as it"
              + " is, 20 ms before each first byte.")
  private List<StorageCondition> storages = List.of();

  @Option(
      names = "--only",
      paramLabel = "NAME",
      split = ",",
      description =
          "Who takes part, by the beginnings of their names in the report, such as adaptive,eager;"
              + " guests then do not grow, and one comes back at a time (default: all).")
  private List<String> only = List.of();

  @Option(
      names = "--rounds",
      paramLabel = "N",
      description = "Restores of each kind (default: 5, with --quick 1).")
  private @Nullable Integer rounds;

  @Override
  void run(Cleanup cleanup) throws IOException {
    if (rounds != null && rounds < 1) {
      throw new ParameterException(command(), "--rounds counts from 1: " + rounds);
    }
    Bench.Settings settings =
        new Bench.Settings(
            out,
            guests(),
            storages(),
            rounds != null ? rounds : quick ? 1 : ROUNDS,
            !quick,
            only,
            Version.number());
    BenchFindings findings;
    try (Telling telling = new Telling(this)) {
      findings = new Bench(settings, telling).run();
    }
    Path page = out.resolve("bench.md");
    BenchReport.write(findings, page);
    HtmlReport.write(
        Results.read(findings.comparisons().stream().map(Comparison::results).toArray(Path[]::new)),
        out.resolve("report.html"));
    publish(
        new Result("the report: " + page + " and " + out.resolve("report.html"), findings.toMap()));
    long different = findings.notIdentical();
    if (different > 0) {
      throw new IOException(different + " of the runs did not bring the memory back as it was");
    }
  }

  private List<BenchGuest> guests() throws IOException {
    List<DemoCommand.Guest> kinds = guests.isEmpty() ? List.of(DemoCommand.Guest.values()) : guests;
    List<BenchGuest> all = new ArrayList<>();
    if (kinds.contains(DemoCommand.Guest.QEMU)) {
      List<BenchGuest> qemu = BenchGuest.qemu(GuestKit.provision(this::say).withNewestQemu());
      all.addAll(quick ? qemu.subList(0, 1) : qemu);
    }
    if (kinds.contains(DemoCommand.Guest.PROCESS) && (!quick || !guests.isEmpty())) {
      all.add(BenchGuest.process());
    }
    return all;
  }

  private List<StorageCondition> storages() {
    if (!storages.isEmpty()) {
      return storages;
    }
    return quick ? List.of(StorageCondition.DISK) : List.of(StorageCondition.values());
  }
}
