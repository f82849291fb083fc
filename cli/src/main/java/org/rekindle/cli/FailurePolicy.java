package org.rekindle.cli;

import org.rekindle.guest.uffd.OnFailure;
import picocli.CommandLine.Option;

/** What becomes of a peer that is not ours when its restore fails: shared by the targets. */
final class FailurePolicy {
  @Option(
      names = "--on-failure",
      paramLabel = "kill|leave",
      defaultValue = "kill",
      description =
          """
          What becomes of a VMM, or of CRIU's processes, that did not get all of their memory, \
          whoever is to blame, Ctrl-C included: kill (default), or leave: a VMM's guest then \
          hangs for ever, a process gets a SIGBUS at the first page that is missing.\
          """)
  private OnFailure value = OnFailure.KILL;

  OnFailure value() {
    return value;
  }
}
