package org.rekindle.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.qemu.Blocktime;
import org.rekindle.guest.qemu.QemuIncoming;
import org.rekindle.guest.qemu.QemuProcess;
import org.rekindle.image.Image;
import org.rekindle.restore.GuestGoneException;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Recording;
import org.rekindle.restore.Restore;
import org.rekindle.restore.RestoreThread;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Profile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

@Command(
    name = "restore",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    header = "Brings a saved machine back.",
    description =
        """

        Step by step: starts your QEMU command so that it waits for a machine; sends the \
        device state; lets the guest run; answers each page that the guest waits for at once; \
        meanwhile sends the working set and then everything else. When all pages are in, \
        QEMU runs on its own.

        Strategies:
          eager        everything first, then start; as QEMU itself does
          lazy         start at once, pages on demand, a slow linear fill behind
          working-set  the recorded working set first, then start, then as lazy
          adaptive     start at once, demand first, the working set in first-touch order
                       while the guest runs, then the rest at full speed
        working-set needs a profile ('rekindle record'); adaptive is better with one.

        QEMU has your terminal, as if you had started it yourself, except with --json or \
        --detach. Times are counted from this command on.
        """,
    footer =
        """

        Example: the command that the machine was started with, after a lone --
          rekindle restore vm.rekindle -- qemu-system-x86_64 -m 1G ...

        Into a QEMU that waits already (-incoming defer -qmp unix:vm.qmp,server=on,wait=off)
          rekindle restore vm.rekindle --qmp vm.qmp

        Leave QEMU running in the background, and say how it went as JSON
          rekindle restore --detach --json vm.rekindle -- qemu-system-x86_64 -m 1G ...
        """,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "  0:restored",
      "  1:not restored, or the guest was lost while its memory came; QEMU has been ended",
      "  2:the command line was not understood",
      "130:interrupted before all memory was in; QEMU has been ended"
    })
final class RestoreCommand extends Operation implements RunsQemu {
  @Option(
      names = "--strategy",
      paramLabel = "NAME",
      defaultValue = "adaptive",
      converter = StrategyName.class,
      completionCandidates = StrategyName.Labels.class,
      description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
  private Strategy strategy = Strategy.ADAPTIVE;

  @Option(
      names = "--prefetch-budget",
      paramLabel = "AMOUNT",
      defaultValue = "100%",
      converter = PrefetchBudget.Converter.class,
      description =
          """
          How much of the profile to prefetch, from its start: pages (20000), a size (64M) or \
          a share (50%%). Default: all of it.\
          """)
  private PrefetchBudget budget = new PrefetchBudget(0, 1);

  @Option(
      names = "--fill-rate",
      paramLabel = "PAGES",
      defaultValue = "4096",
      description =
          """
          Pages per second of the background fill of lazy and working-set \
          (default: ${DEFAULT-VALUE}, the paper's).\
          """)
  private int fillPagesPerSecond = 4096;

  @Option(
      names = "--record",
      description =
          """
          Store what this restore sees with the profile: pages that the guest waited for are \
          added at the time of their touch.\
          """)
  private boolean record;

  @Option(
      names = "--qmp",
      paramLabel = "SOCKET",
      description = "Restore into the QEMU behind this monitor, started with -incoming defer.")
  private @Nullable Path qmp;

  @Option(
      names = "--detach",
      description = "Leave once all memory is in; without it, stay until QEMU ends.")
  private boolean detach;

  @Parameters(index = "0", paramLabel = "IMAGE", description = "The saved machine.")
  private @Nullable Path image;

  @Parameters(
      index = "1..*",
      arity = "0..*",
      paramLabel = "-- QEMU-COMMAND",
      hideParamSyntax = true,
      description = "The command that the machine was started with, after a lone --.")
  private List<String> qemu = List.of();

  @Override
  void run(Cleanup cleanup) throws Exception {
    checkOptions();
    Path directory = Objects.requireNonNull(image);
    SavedQemu saved = SavedQemu.open(directory, cleanup);
    Plan plan = strategy.plan(saved.image(), options(saved.image()));
    if (strategy == Strategy.ADAPTIVE && saved.image().profile().isEmpty()) {
      say("no working set profile in " + directory + "; 'rekindle record' makes restores faster");
    }
    if (qmp != null) {
      restore(saved, saved.into(qmp, cleanup), plan);
      return;
    }
    QemuProcess process = cleanup.own(QemuProcess.startForRestore(qemu, console()));
    QemuIncoming incoming = saved.into(process, cleanup);
    try {
      restore(saved, incoming, plan);
    } catch (GuestGoneException gone) {
      throw process.explain("QEMU ended before all memory was in");
    }
    if (detach) {
      process.release();
    } else if (process.waitFor() != 0) {
      throw process.explain("QEMU ran on, and ended");
    }
  }

  private Strategy.Options options(Image opened) {
    int profilePages = opened.profile().map(Profile::size).orElse(0);
    return new Strategy.Options(fillPagesPerSecond, budget.of(profilePages));
  }

  /** The user's terminal is the guest's, unless a program reads our output or we leave. */
  private QemuProcess.Console console() {
    return json() || detach ? QemuProcess.Console.NONE : QemuProcess.Console.OURS;
  }

  private void restore(SavedQemu saved, QemuIncoming incoming, Plan plan) throws IOException {
    Restore restore = new Restore(saved.image(), incoming.guest(), plan);
    Outcome outcome;
    try (Progress progress = progress("Restoring")) {
      outcome =
          incoming.settled(
              RestoreThread.run(
                  restore, Long.MAX_VALUE, saved.image().memory().pages(), progress::bytes));
    }
    Optional<Blocktime> blocktime = incoming.blocktime();
    incoming.close(); // QEMU is on its own before anybody is told so
    if (record) {
      Profile seen = Recording.profile(outcome);
      Image.attach(
          saved.image().directory(),
          saved.image().profile().map(known -> known.union(seen)).orElse(seen));
    }
    publish(RestoreReport.of(outcome, Main.startNs(), blocktime));
  }

  private void checkOptions() {
    if (qmp == null && qemu.isEmpty()) {
      throw wrong("give a QEMU command after --, or --qmp SOCKET of one that waits");
    }
    if (qmp != null && !qemu.isEmpty()) {
      throw wrong("give either --qmp or a QEMU command, not both");
    }
    if (fillPagesPerSecond <= 0) {
      throw wrong("--fill-rate must be positive: " + fillPagesPerSecond);
    }
  }

  private ParameterException wrong(String message) {
    return new ParameterException(command(), message);
  }
}
