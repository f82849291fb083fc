package org.rekindle.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.restore.CanaryGuest;
import org.rekindle.restore.Guest;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Recording;
import org.rekindle.restore.Strategy;
import org.rekindle.restore.TtrTarget;
import org.rekindle.workingset.MergeRule;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.RunHistory;
import org.rekindle.workingset.SetFit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
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
                       while the guest runs, then the rest at full speed, from where the guest
                       missed something; all in one go if misses would cost more (--target)
        working-set needs a profile ('rekindle record'); adaptive is better with one.

        QEMU has your terminal, as if you had started it yourself, except with --json or \
        --detach. Times are counted from this command on.

        With --uffd it listens, and the VMM comes: Firecracker does when it loads a snapshot \
        with {"mem_backend": {"backend_type": "Uffd", "backend_path": SOCKET}}. It hands over \
        where its memory lies, and runs its guest when it likes (so eager and working-set \
        make sense only if it is resumed later). Times are counted from its connection on.

        With --firecracker it also asks for that: it has a new Firecracker load the snapshot \
        from the image (the state file is in it) and resumes the guest when the strategy says so.

        With --criu-socket it takes the place of 'criu lazy-pages'; then start \
        'criu restore --lazy-pages' as ever, with the dump that the image was made of. CRIU lets \
        the processes run as soon as it has made them, whatever the strategy.
        """,
    footer =
        """

        Example: the command that the machine was started with, after a lone --
          rekindle restore vm.rekindle -- qemu-system-x86_64 -m 1G ...

        Into a QEMU that waits already (-incoming defer -qmp unix:vm.qmp,server=on,wait=off)
          rekindle restore vm.rekindle --qmp vm.qmp

        Half of its speed soon, rather than all of it a little later
          rekindle restore --target w=1s,u=0.5 vm.rekindle -- qemu-system-x86_64 -m 1G ...

        Leave QEMU running in the background, and say how it went as JSON
          rekindle restore --detach --json vm.rekindle -- qemu-system-x86_64 -m 1G ...

        Sixteen Firecracker microVMs from one image; each connects when it loads
          rekindle restore vm.rekindle --uffd /run/vm.uffd --vms 16

        A Firecracker that was just started, loaded and resumed from here
          rekindle restore vm.rekindle --firecracker firecracker.socket

        A process that CRIU restores in the folder "dump"
          rekindle restore process.rekindle --criu-socket dump/lazy-pages.socket
          criu restore --lazy-pages --images-dir dump --shell-job
        """,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "  0:restored",
      "  1:not restored, or the guest was lost while its memory came; QEMU has been ended"
          + " (with --uffd, --criu-socket: the peer killed, see --on-failure)",
      "  2:the command line was not understood",
      "130:interrupted before all memory was in; QEMU, VMM or processes have been ended too"
    })
final class RestoreCommand extends Operation implements RunsQemu {
  /** As {@code record} watches, where it is not known for how long. */
  private static final long DEFAULT_WINDOW_NS = 10_000_000_000L;

  @Option(
      names = "--strategy",
      paramLabel = "NAME",
      defaultValue = "adaptive",
      converter = StrategyName.class,
      completionCandidates = StrategyName.Labels.class,
      description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
  private Strategy strategy = Strategy.ADAPTIVE;

  @Option(
      names = "--target",
      paramLabel = "w=TIME,u=SHARE",
      defaultValue = "w=1s,u=0.9",
      converter = TargetConverter.class,
      description =
          """
          What adaptive is to reach as soon as it can: from then on every window of TIME leaves the \
          guest this SHARE of it (default: ${DEFAULT-VALUE}). It decides when so many pages are \
          missed that reading everything in one go is over sooner than serving them; a smaller \
          share has them served for longer.\
          """)
  private TtrTarget responsive = TtrTarget.DEFAULT;

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
          Store what this restore sees with the profile, as one more run: the profile, and the \
          pages that the guest waited for in the time for which it was once watched. Up to 128 \
          pages of the profile, drawn at random, are kept back until the guest touches them: they \
          tell how much of the profile it uses; so the restore takes as long as the profile was \
          once watched. If the guest touched less than half of the profile, or more outside of it \
          than inside, the profile is stale, and begun anew.\
          """)
  private boolean record;

  @Option(
      names = "--merge",
      paramLabel = "RULE",
      defaultValue = "vote",
      description =
          """
          How --record merges the runs, see 'rekindle record --help': ${COMPLETION-CANDIDATES} \
          (default: ${DEFAULT-VALUE}).\
          """)
  private MergeRule merge = MergeRule.VOTE;

  @Mixin private final QemuTarget qemu = new QemuTarget();
  @Mixin private final QmpTarget qmp = new QmpTarget();
  @Mixin private final UffdFleet uffd = new UffdFleet();
  @Mixin private final CriuTarget criu = new CriuTarget();
  @Mixin private final FailurePolicy onFailure = new FailurePolicy();

  @Parameters(index = "0", paramLabel = "IMAGE", description = "The saved machine.")
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
    Target target =
        Target.chosen(
            command(),
            qemu.command(qemuCommand),
            qmp,
            uffd.checked(command(), onFailure),
            criu.checked(command(), onFailure));
    if (fillPagesPerSecond <= 0) {
      throw new ParameterException(
          command(), "--fill-rate must be positive: " + fillPagesPerSecond);
    }
    Image opened = target.open(Objects.requireNonNull(image), this, cleanup);
    if (strategy == Strategy.ADAPTIVE && opened.profile().isEmpty()) {
      say(
          "no working set profile in "
              + opened.directory()
              + "; 'rekindle record' makes restores faster");
    }
    target.carryOut(new Restoring(opened, strategy.plan(opened, options(opened))), cleanup);
  }

  private Strategy.Options options(Image opened) {
    int profilePages = opened.profile().map(Profile::size).orElse(0);
    return new Strategy.Options(fillPagesPerSecond, budget.of(profilePages), responsive);
  }

  private final class Restoring extends Job {
    private final Plan plan;

    Restoring(Image image, Plan plan) {
      super(RestoreCommand.this, image);
      this.plan = plan;
    }

    @Override
    String doing() {
      return "Restoring";
    }

    @Override
    Plan plan(boolean livesOn) {
      return plan;
    }

    @Override
    long atMostRunningNs(boolean livesOn) {
      return UNTIL_ALL_IN;
    }

    @Override
    Guest watched(Guest guest) {
      Profile known = image().profile().orElse(null);
      return record && known != null
          ? new CanaryGuest(guest, known, windowNs(known), System.nanoTime())
          : guest;
    }

    private static long windowNs(@Nullable Profile known) {
      return known == null || known.horizonNs() <= 0 ? DEFAULT_WINDOW_NS : known.horizonNs();
    }

    @Override
    synchronized Result result(Restored restored) throws IOException {
      Profile known = image().profile().orElse(null);
      long windowNs = windowNs(known);
      Profile seen = Recording.profile(restored.outcome()).within(windowNs);
      Result result = RestoreReport.of(restored, milestones());
      if (known == null) {
        record(seen, false);
        return result;
      }
      SetFit fit = SetFit.of(known, seen, restored.outcome().sample());
      record(fit.stale() ? seen : known.union(seen), fit.stale());
      return with(result, fit);
    }

    /**
     * A restore that prefetches does not see the touches of what it prefetched: they count as made.
     * What the guest waited for later than the profile was ever watched belongs to no start: on a
     * machine that lives on, such a set would grow for ever. A stale set is begun anew with what
     * this restore has seen, which the next ones complete.
     */
    private void record(Profile run, boolean anew) throws IOException {
      if (record && run.size() > 0) {
        try (Image now = Image.open(image().directory())) { // others may have recorded meanwhile
          RunHistory runs = (anew ? RunHistory.NONE : now.runs()).plus(run);
          Image.attach(now.directory(), merge.merge(runs.runs()), runs);
        }
      }
    }

    private Result with(Result result, SetFit fit) {
      Map<String, @Nullable Object> set = new LinkedHashMap<>();
      set.put("pages", fit.setPages());
      set.put("outside", fit.outsidePages());
      set.put("outsideShareAtLeast", fit.outsideShareAtLeast());
      if (fit.sample().pages() > 0) {
        set.put("sampledPages", fit.sample().pages());
        set.put("sampledPagesUsed", fit.sample().used());
        set.put("usedShareAtLeast", fit.sample().shareAtLeast());
        set.put("usedShareAtMost", fit.sample().shareAtMost());
      }
      set.put("stale", fit.stale());
      Map<String, @Nullable Object> json = new LinkedHashMap<>(result.json());
      json.put("workingSet", set);
      String text =
          "%s\n  outside the set        %s pages; the set has %s"
              .formatted(
                  result.text(), Figures.count(fit.outsidePages()), Figures.count(fit.setPages()));
      if (fit.sample().pages() > 0) {
        text +=
            "\n  used of the set        %.0f to %.0f %% (of %d pages kept back %d were touched)"
                .formatted(
                    100 * fit.sample().shareAtLeast(),
                    100 * fit.sample().shareAtMost(),
                    fit.sample().pages(),
                    fit.sample().used());
      }
      if (fit.stale()) {
        text +=
            record
                ? "\n  The set was stale, and has been begun anew with what this restore saw."
                : "\n  The set is stale: record it anew ('rekindle record', or restore --record).";
      }
      return new Result(text, json);
    }
  }
}
