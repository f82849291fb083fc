package org.rekindle.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.image.MemoryMap;
import org.rekindle.restore.FaultLog;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Recording;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.MergeRule;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.RunHistory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
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
        recording takes the place of an earlier one, unless --add says otherwise.

        No two runs are quite alike. --runs watches several, and --merge says what becomes of \
        them; the image keeps the last eight, each as it was seen, for --add.
          last          the last run alone
          union         what any run touched: misses least, grows with every run
          intersection  what all runs touched: wastes least, shrinks with every run
          vote          what the majority touched, where later runs count for more

        The clone cannot harm the machine: its disks are throw-away (-snapshot is added), \
        its user network is cut off, and a command with anything else that reaches outside \
        (bridges, shared folders, real devices) is refused by name. --allow-network leaves \
        networks as they are. What the clone writes to its consoles is dropped.

        With --uffd the VM that connects (see 'rekindle restore --help') is no clone but runs \
        on: its pages come on demand only for the time of --for, then the rest at full speed. \
        So do the processes of --criu-socket.
        """,
    footer =
        """

        Example
          rekindle record vm.rekindle -- qemu-system-x86_64 -m 1G ...

        The majority of three runs
          rekindle record --runs 3 vm.rekindle -- qemu-system-x86_64 -m 1G ...

        Watch for longer (a machine that does its work in bursts)
          rekindle record --for 30s vm.rekindle -- qemu-system-x86_64 -m 1G ...

        A Firecracker microVM that loads its snapshot with the Uffd back end
          rekindle record vm.rekindle --uffd /run/vm.uffd

        A process that CRIU restores in the folder "dump"
          rekindle record process.rekindle --criu-socket dump/lazy-pages.socket
          criu restore --lazy-pages --images-dir dump --shell-job
        """,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "  0:recorded",
      "  1:not recorded; an earlier profile is still there, the clone is gone"
          + " (with --uffd, --criu-socket: the peer killed unless all memory was in, see"
          + " --on-failure)",
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
      names = "--runs",
      paramLabel = "N",
      defaultValue = "1",
      description =
          """
          How many runs to watch: clones one after the other; with --uffd, VMs that connect \
          (default: ${DEFAULT-VALUE}).\
          """)
  private int runs = 1;

  @Option(
      names = "--add",
      description = "Merge with the runs that the image keeps of earlier recordings.")
  private boolean add;

  @Option(
      names = "--merge",
      paramLabel = "RULE",
      defaultValue = "vote",
      description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
  private MergeRule merge = MergeRule.VOTE;

  @Mixin private final QemuCloneTarget qemu = new QemuCloneTarget();
  @Mixin private final UffdRuns uffd = new UffdRuns();
  @Mixin private final CriuTarget criu = new CriuTarget();
  @Mixin private final FailurePolicy onFailure = new FailurePolicy();

  @Parameters(index = "0", paramLabel = "IMAGE", description = "The image to learn about.")
  private @Nullable Path image;

  @Parameters(
      index = "1..*",
      arity = "0..*",
      paramLabel = "-- QEMU-COMMAND",
      hideParamSyntax = true,
      description = "The command that the machine was started with, after a lone --.")
  private List<String> qemuCommand = List.of();

  @Override
  void run(Cleanup cleanup) throws Exception {
    if (runs < 1) {
      throw new ParameterException(command(), "--runs must be positive: " + runs);
    }
    Target target =
        Target.chosen(
            command(),
            qemu.command(qemuCommand).times(runs),
            uffd.times(runs).checked(command(), onFailure),
            criu.checked(command(), onFailure));
    if (criu.chosen() && runs > 1) {
      throw new ParameterException(
          command(),
          "--criu-socket serves one restore: leave --runs out, and give --add for each further one");
    }
    Image opened = target.open(Objects.requireNonNull(image), this, cleanup);
    target.carryOut(new Recordings(opened, add ? opened.runs() : RunHistory.NONE), cleanup);
  }

  private final class Recordings extends Job {
    private RunHistory seen;

    Recordings(Image image, RunHistory seen) {
      super(RecordCommand.this, image);
      this.seen = seen;
    }

    @Override
    String doing() {
      return "Recording";
    }

    @Override
    Plan plan(boolean livesOn) {
      return livesOn ? Strategy.recording(image(), time.toNanos()) : Strategy.recording(image());
    }

    @Override
    long atMostRunningNs(boolean livesOn) {
      return livesOn ? UNTIL_ALL_IN : time.toNanos();
    }

    @Override
    synchronized Result result(Restored restored) throws IOException {
      Profile run = Recording.profile(restored.outcome(), time.toNanos());
      if (run.size() == 0) {
        throw new IOException(
            "the machine touched no page in "
                + Figures.time(time.toNanos())
                + "; watch for longer with --for");
      }
      seen = seen.plus(run);
      Profile merged = merge.merge(seen.runs());
      Image.attach(image().directory(), merged, seen);
      return told(merged, run, restored.outcome().faults(), seen.runs().size());
    }
  }

  private Result told(Profile merged, Profile run, FaultLog faults, int runs) {
    int pages = merged.size();
    long bytes = (long) pages * MemoryMap.PAGE_BYTES;
    long lastTouchNs = pages == 0 ? 0 : merged.touchNs(pages - 1);
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("pages", pages);
    json.put("bytes", bytes);
    json.put("horizonMs", merged.horizonNs() / 1e6);
    json.put("lastTouchMs", lastTouchNs / 1e6);
    json.put("merge", merge.toString());
    json.put("runs", runs);
    json.put("lastRunPages", run.size());
    json.put("serviceUs", ServiceTimes.of(faults));
    String text =
        "recorded a working set of %s pages (%s), touched within %s of the guest's own time"
            .formatted(
                Figures.count(pages), Figures.bytes((double) bytes), Figures.time(lastTouchNs));
    if (runs > 1) {
      text += "; %s runs merged (%s)".formatted(runs, merge);
    }
    return new Result(text, json);
  }
}
