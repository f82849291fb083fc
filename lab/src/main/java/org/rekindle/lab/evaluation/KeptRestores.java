package org.rekindle.lab.evaluation;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.DataFormatException;
import org.rekindle.image.Layout;
import org.rekindle.lab.Environment;
import org.rekindle.lab.GuestKit;
import org.rekindle.lab.Results;
import org.rekindle.lab.RunResult;
import org.rekindle.lab.simulator.ImageLayout;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.ProfileFile;

/*
 * In a folder of a few hundred kilobytes:
 *
 *   truth.profile   what a clone touched first, and when
 *   results.json    the runs, without their beats and curves
 *   CONTENDER/      for each way to restore, where the pages lay in the image that it was given: the image's
 *                   manifest, indexes and profile
 */

/**
 * All that the simulator has to know of a guest and its measured restores: a better simulator is
 * judged by it without measuring again.
 *
 * @param layouts of the image, for each contender that was measured
 */
record KeptRestores(Profile truth, List<RunResult> runs, Map<Contender, ImageLayout> layouts) {
  private static final String TRUTH = "truth.profile";
  private static final String RESULTS = "results.json";

  /** Keeps a guest's restores, in place of any that the folder has. */
  static void write(
      Path folder,
      SavedGuest saved,
      List<Contender> contenders,
      Environment environment,
      List<RunResult> runs)
      throws IOException {
    GuestKit.delete(folder);
    Files.createDirectories(folder);
    Files.write(folder.resolve(TRUTH), ProfileFile.encode(saved.saved().truth()));
    Results.write(
        environment, runs.stream().map(RunResult::inShort).toList(), folder.resolve(RESULTS));
    for (Contender contender : contenders) {
      Profile set = Evaluation.workingSet(contender, saved);
      if (set != null) {
        Evaluation.attach(saved.image(), set, contender.strategy());
      }
      Layout.copy(saved.image(), Files.createDirectory(folder.resolve(contender.folder())));
    }
  }

  static KeptRestores read(Path folder) throws IOException {
    List<RunResult> runs = Results.read(folder.resolve(RESULTS)).runs();
    Map<Contender, ImageLayout> layouts = new LinkedHashMap<>();
    for (RunResult run : runs) {
      Contender contender = Contender.of(run.condition().strategy());
      if (!layouts.containsKey(contender)) {
        layouts.put(contender, ImageLayout.of(Layout.read(folder.resolve(contender.folder()))));
      }
    }
    int pages = layouts.values().iterator().next().memory().pages();
    try {
      return new KeptRestores(
          ProfileFile.decode(Files.readAllBytes(folder.resolve(TRUTH)), pages), runs, layouts);
    } catch (DataFormatException damaged) {
      throw new IOException(folder.resolve(TRUTH) + ": " + damaged.getMessage(), damaged);
    }
  }

  /** Reads several, each from a folder of its own. */
  static List<KeptRestores> read(List<Path> folders) throws IOException {
    List<KeptRestores> all = new ArrayList<>();
    for (Path folder : folders) {
      all.add(read(folder));
    }
    return all;
  }
}
