package org.rekindle.cli;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "record",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    header = "Learns which memory a machine needs first, in a throw-away run.",
    description =
        """

        Step by step: starts your QEMU command as a clone of the image, with every page \
        missing; notes each page at its first touch, and when; ends the clone after --for; \
        stores the trace in the image as its working set profile, with a second copy of those \
        pages in first-touch order.
        Later restores prefetch in that order. The machine itself is never touched, and a later \
        recording takes the place of an earlier one.

        The clone must not write where the machine writes: give it throw-away disks \
        (-snapshot, or overlays). Its network is cut off (network back ends are taken from \
        the command) unless --allow-network says otherwise.
        """,
    footer =
        """

        Example
          rekindle record vm.rekindle -- qemu-system-x86_64 -m 1G ... -snapshot

        Watch for longer (a machine that does its work in bursts)
          rekindle record --for 30s vm.rekindle -- qemu-system-x86_64 -m 1G ... -snapshot
        """,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "  0:recorded",
      "  1:not recorded; an earlier profile is still there, the clone is gone",
      "  2:the command line was not understood",
      "130:interrupted; an earlier profile is still there, the clone is gone"
    })
final class RecordCommand extends Operation implements RunsQemu {
  @Option(
      names = "--for",
      paramLabel = "TIME",
      defaultValue = "10s",
      converter = TimeSpan.class,
      description = "How long the clone runs, such as 10s or 2min (default: ${DEFAULT-VALUE}).")
  private Duration time = Duration.ofSeconds(10);

  @Option(
      names = "--allow-network",
      description =
          "Leave the clone its network: it then meets the world under the machine's name.")
  private boolean allowNetwork;

  @Parameters(index = "0", paramLabel = "IMAGE", description = "The image to learn about.")
  private @Nullable Path image;

  @Parameters(
      index = "1..*",
      arity = "1..*",
      paramLabel = "-- QEMU-COMMAND",
      hideParamSyntax = true,
      description = "The command that the machine was started with, after a lone --.")
  private List<String> qemu = List.of();

  @Override
  Result run(Cleanup cleanup) {
    throw new UnsupportedOperationException(time + " " + allowNetwork + " " + image + " " + qemu);
  }
}
