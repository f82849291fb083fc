package org.rekindle.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.BlockUse;
import org.rekindle.image.Image;
import org.rekindle.image.PageStore;
import org.rekindle.workingset.AccessLocality;
import org.rekindle.workingset.Profile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "optimize",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    header = "Lays an image out so that pages which are touched together lie together.",
    description =
        """

        A machine that waits for a page gets the whole block that the page lies in. As saved, a \
        block holds neighbours in the machine's physical memory, which it may never want. This \
        command puts the pages that recorded runs have touched side by side, in the order of \
        their touches, and all others behind them as they were: then a block brings what the \
        machine wants next.
        It is for machines that take another way each time. What they all want is prefetched \
        anyway; the layout helps with the rest.

        Step by step: reads the runs that the image keeps; writes the pages anew beside the old \
        ones; reads them back and compares; then makes the change at one instant. Meanwhile \
        both need space. The image can be restored all the time, and remains as it is if \
        anything goes wrong. The working set profile stays.
        What it is worth is told of the last run, laid out by the runs before it: so much of \
        what comes with a miss is touched later. With a single run it is that run itself, which \
        says little of the next.
        """,
    footer =
        """

        Example
          rekindle record --runs 3 vm.rekindle -- qemu-system-x86_64 -m 1G ...
          rekindle optimize vm.rekindle
        """,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "  0:laid out anew",
      "  1:not laid out; the image is as before",
      "  2:the command line was not understood",
      "130:interrupted; the image is as before"
    })
final class OptimizeCommand extends Operation {
  @Parameters(paramLabel = "IMAGE", description = "The image to lay out.")
  private @Nullable Path image;

  /**
   * @param before as the image was
   * @param after laid out by the runs before the last, which it knew nothing of; if there are none,
   *     by the last run itself
   */
  private record LastRun(BlockUse before, BlockUse after) {
    static LastRun of(PageStore base, List<Profile> runs, int guestPages) {
      List<Profile> earlier = runs.size() == 1 ? runs : runs.subList(0, runs.size() - 1);
      int[] order = AccessLocality.order(earlier, guestPages);
      Profile last = runs.getLast();
      return new LastRun(
          BlockUse.of(base, last), BlockUse.ofOrder(base, order, base.maxSlots(), last));
    }
  }

  @Override
  void run(Cleanup cleanup) throws Exception {
    Path directory = Objects.requireNonNull(image);
    List<Profile> runs;
    LastRun last;
    int guestPages;
    try (Image opened = Image.open(directory)) {
      runs = runs(opened);
      guestPages = opened.memory().pages();
      last = LastRun.of(opened.base(), runs, guestPages);
    }
    try (Progress progress = progress("Laying out")) {
      Image.relayout(directory, AccessLocality.order(runs, guestPages), progress::bytes);
    }
    publish(result(runs, last));
  }

  private static List<Profile> runs(Image image) throws IOException {
    List<Profile> runs = image.runs().runs();
    if (!runs.isEmpty()) {
      return runs;
    }
    return List.of(
        image
            .profile()
            .orElseThrow(() ->
                new IOException(
                    image.directory()
                        + " keeps no runs to go by; watch some with 'rekindle record'")));
  }

  private static Result result(List<Profile> runs, LastRun last) {
    boolean alone = runs.size() == 1;
    int pages = AccessLocality.touched(runs);
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("runs", runs.size());
    json.put("pages", pages);
    json.put("lastRunBefore", use(last.before));
    json.put(alone ? "lastRunByItself" : "lastRunByEarlierRuns", use(last.after));
    return new Result(
        String.format(
            Locale.ROOT,
            """
            laid %s pages out as %s touched them
              what the last run would have cost by misses alone:
                as the image was           %s
                laid out by %s  %s\
            """,
            Figures.count(pages),
            alone ? "a run has" : runs.size() + " runs have",
            words(last.before),
            alone ? "itself       " : "earlier runs ",
            words(last.after)),
        json);
  }

  private static String words(BlockUse use) {
    return "%s misses, and %.0f %% of the %s pages that came with them of use"
        .formatted(
            Figures.count(use.misses()), 100 * use.usedShare(), Figures.count(use.brought()));
  }

  private static Map<String, @Nullable Object> use(BlockUse use) {
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("misses", use.misses());
    json.put("brought", use.brought());
    json.put("used", use.used());
    return json;
  }
}
