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

  @Override
  void run(Cleanup cleanup) throws Exception {
    Path directory = Objects.requireNonNull(image);
    List<Profile> runs;
    BlockUse before;
    int guestPages;
    try (Image opened = Image.open(directory)) {
      runs = runs(opened);
      before = BlockUse.of(opened.base(), runs.getLast());
      guestPages = opened.memory().pages();
    }
    Image.relayout(directory, AccessLocality.order(runs, guestPages));
    try (Image opened = Image.open(directory)) {
      publish(result(runs, before, BlockUse.of(opened.base(), runs.getLast())));
    }
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

  private static Result result(List<Profile> runs, BlockUse before, BlockUse after) {
    int pages = AccessLocality.touched(runs);
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("runs", runs.size());
    json.put("pages", pages);
    json.put("lastRunBefore", use(before));
    json.put("lastRunAfter", use(after));
    return new Result(
        String.format(
            Locale.ROOT,
            """
            laid %s pages out as %s touched them
              the last run again, by misses alone:
                before  %s
                now     %s\
            """,
            Figures.count(pages),
            runs.size() == 1 ? "a run has" : runs.size() + " runs have",
            words(before),
            words(after)),
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
