package org.rekindle.image;

import java.io.IOException;
import java.nio.file.Path;
import java.util.BitSet;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.ProfileFile;
import org.rekindle.workingset.RunHistory;
import org.rekindle.workingset.RunHistoryFile;

/** Gives an image a profile and the hot store that belongs to it. */
final class ProfileAttachment {
  private ProfileAttachment() {}

  /**
   * @param hotOrder pages of the hot store
   */
  static void attach(Path directory, Profile profile, RunHistory runs, int[] hotOrder)
      throws IOException {
    ImageChange.apply(
        directory, (image, generation) -> write(image, generation, profile, runs, hotOrder));
  }

  private static ImageFiles write(
      Image image, int generation, Profile profile, RunHistory runs, int[] hotOrder)
      throws IOException {
    Path directory = image.directory();
    checkPages(profile.pages(), image.memory().pages());
    ImageFiles before = image.files();
    StoreIndex index =
        StoreCopy.write(
            image,
            hotOrder,
            directory.resolve(ImageFiles.hotPages(generation)),
            ImageWriter.Options.HOT,
            (done, total) -> {});
    return new ImageFiles(
        before.manifest(),
        generation,
        before.deviceState(),
        before.base(),
        ImageFiles.writeIndex(
            directory,
            index,
            ImageFiles.hotPages(generation),
            ImageFiles.hotIndex(generation),
            ImageWriter.Options.HOT),
        ImageFiles.write(directory, ImageFiles.profile(generation), ProfileFile.encode(profile)),
        runs.runs().isEmpty()
            ? null
            : ImageFiles.write(
                directory, ImageFiles.runs(generation), RunHistoryFile.encode(runs)));
  }

  private static void checkPages(int[] pages, int guestPages) {
    BitSet seen = new BitSet();
    for (int page : pages) {
      if (page < 0 || page >= guestPages) {
        throw new IllegalArgumentException(
            "the profile names page " + page + ", the guest has " + guestPages);
      }
      if (seen.get(page)) {
        throw new IllegalArgumentException("the profile names page " + page + " twice");
      }
      seen.set(page);
    }
  }
}
