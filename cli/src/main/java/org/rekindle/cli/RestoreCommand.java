package org.rekindle.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

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
        Without a profile ('rekindle record') the last two have nothing to go by and say so.
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
  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--strategy",
      paramLabel = "NAME",
      defaultValue = "adaptive",
      converter = Strategy.Converter.class,
      completionCandidates = Strategy.Labels.class,
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
      description = "Store what this restore sees as the image's new working set profile.")
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
  Result run(Cleanup cleanup) {
    checkOptions();
    throw new UnsupportedOperationException(
        strategy + " " + budget + " " + fillPagesPerSecond + " " + record + detach + image);
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
    return new ParameterException(Objects.requireNonNull(spec).commandLine(), message);
  }
}
