package org.rekindle.cli;

import picocli.CommandLine.Option;

/** As many VMMs as are wanted, at a time or one after another, all from one image. */
final class UffdFleet extends UffdTarget {
  @Option(
      names = "--vms",
      paramLabel = "N",
      defaultValue = "1",
      description =
          """
          With --uffd: how many VMs to restore, at a time or one after another; 0: until \
          interrupted. Default: ${DEFAULT-VALUE}.\
          """)
  private int vms = 1;

  @Override
  int vms() {
    return vms;
  }
}
