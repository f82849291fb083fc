package org.rekindle.cli;

import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "demo",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    header = "Saves a real Linux guest and restores it in every way, measured.",
    description =
        """

        Step by step: boots a 1 GiB Linux guest in QEMU whose workload fills most of its memory \
        and shows a heartbeat; saves it in steady state; records it once; then restores it with \
        stock QEMU and with each strategy, each time from a cold cache and a disk slowed down \
        to disk-like figures where cgroups allow it.
        Prints one table and writes results.json, the fault logs and report.html. As root it \
        installs what it needs (QEMU, busybox, a kernel image that is only unpacked) after \
        saying so; otherwise it takes what is there and says what it chose. Under five minutes.
        """,
    footer =
        """

        Example
          rekindle demo
          rekindle demo --out /tmp/demo
        """,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "  0:every strategy restored the guest with identical memory",
      "  1:one did not, or something needed is missing",
      "  2:the command line was not understood",
      "130:interrupted; no QEMU, cgroup or half image is left"
    })
final class DemoCommand extends Operation {
  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "rekindle-demo",
      description = "Where results go (default: ${DEFAULT-VALUE}).")
  private Path out = Path.of("rekindle-demo");

  @Override
  void run(Cleanup cleanup) {
    throw new UnsupportedOperationException("" + out);
  }
}
