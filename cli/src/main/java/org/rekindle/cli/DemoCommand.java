package org.rekindle.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.rekindle.cli.report.HtmlReport;
import org.rekindle.json.Json;
import org.rekindle.lab.DemoExperiment;
import org.rekindle.lab.GuestKit;
import org.rekindle.lab.Results;
import org.rekindle.lab.RunResult;
import org.rekindle.lab.RunTable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "demo",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    header = "Saves a real guest and restores it in every way, measured.",
    description =
        """

        Step by step: boots a 1 GiB Linux guest in QEMU whose workload fills most of its memory \
        and shows a heartbeat; saves it in steady state; records it once; then restores it with \
        stock QEMU and with each strategy, each time from a cold cache and a disk slowed down \
        to disk-like figures where cgroups allow it.
        Prints one table and writes results.json, the fault logs and report.html. As root it \
        installs what it needs (QEMU, busybox, a kernel image that is only unpacked) after \
        saying so; otherwise it takes what is there and says what it chose. Under five minutes.

        With --guest process the guest is a process of Rekindle's own, a store of 256 MiB under \
        load, whose memory is handed over as Firecracker does: nothing to install, any user \
        (without root the disk is not slowed down), under a minute.
        """,
    footer =
        """

        Example
          rekindle demo --guest process
          rekindle demo
          rekindle demo --out /tmp/demo
        """,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "  0:every strategy restored the guest with identical memory",
      "  1:one did not, or something needed is missing",
      "  2:the command line was not understood",
      "130:interrupted; no guest, cgroup or half image is left"
    })
final class DemoCommand extends Operation {
  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "rekindle-demo",
      description = "Where results go (default: ${DEFAULT-VALUE}).")
  private Path out = Path.of("rekindle-demo");

  @Option(
      names = "--guest",
      paramLabel = "KIND",
      defaultValue = "qemu",
      description =
          "Kind of guest: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}). A process needs"
              + " neither QEMU nor root, and less than a minute.")
  private Guest guest = Guest.QEMU;

  /** Kinds of guests that a demo can be made with. */
  enum Guest {
    QEMU,
    PROCESS;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  @Override
  void run(Cleanup cleanup) throws IOException {
    String version = Version.number();
    DemoExperiment.Settings settings =
        switch (guest) {
          case QEMU -> DemoExperiment.Settings.qemu(GuestKit.provision(this::say), out, version);
          case PROCESS -> DemoExperiment.Settings.process(out, version);
        };
    List<RunResult> runs;
    try (Telling telling = new Telling(this)) {
      runs = new DemoExperiment(settings, telling).run();
    }
    Path results = out.resolve("results.json");
    Path report = out.resolve("report.html");
    HtmlReport.write(Results.read(results), report);
    publish(
        new Result(
            RunTable.of(runs) + "\nthe report: " + report + "\nthe data:   " + results,
            Json.parseObject(Files.readString(results))));
    long different =
        runs.stream().filter(run -> !Boolean.TRUE.equals(run.evidence().memoryIdentical())).count();
    if (different > 0) {
      throw new IOException(different + " of the runs did not bring the memory back as it was");
    }
  }
}
