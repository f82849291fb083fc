package org.rekindle.cli;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

@Command(
    name = "lab",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    header = "Experiments that take longer than a demo.",
    description =
        """

        Each is a command of its own, runs unattended, and keeps what it measured.
        """,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {"  0:done", "  1:failed", "  2:the command line was not understood"},
    footer =
        """

        Example
          rekindle lab paper --quick
        """,
    subcommands = LabPaperCommand.class)
final class LabCommand implements Runnable {
  @Spec private @Nullable CommandSpec spec;

  @Override
  public void run() {
    CommandLine.usage(Objects.requireNonNull(spec).commandLine(), System.out);
  }
}
