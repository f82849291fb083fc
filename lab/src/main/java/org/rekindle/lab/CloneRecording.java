package org.rekindle.lab;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Recording;
import org.rekindle.restore.Restore;
import org.rekindle.restore.RestoreThread;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Profile;

/** Records what a saved guest touches when it goes on, in a throw-away clone of it. */
public final class CloneRecording {
  private CloneRecording() {}

  /**
   * Records until the clone has run for so long by the clock.
   *
   * @param progress hears of the bytes that were touched
   */
  public static Profile record(
      Subject subject,
      Path directory,
      Subject.Purpose purpose,
      long runningNs,
      Image.Progress progress)
      throws IOException {
    return record(subject, directory, purpose, runningNs, null, progress);
  }

  /**
   * Records a clone that is told something as soon as it has beaten once.
   *
   * @param told null for nothing
   */
  public static Profile record(
      Subject subject,
      Path directory,
      Subject.Purpose purpose,
      long runningNs,
      @Nullable String told,
      Image.Progress progress)
      throws IOException {
    try (Image image = Image.open(directory);
        Subject.Returning clone = subject.startForRestore(purpose)) {
      Restore restore = new Restore(image, clone.connect(image), Strategy.recording(image));
      AtomicBoolean silent = new AtomicBoolean(told != null);
      Outcome outcome =
          RestoreThread.run(
              restore,
              runningNs,
              0,
              (done, total) -> {
                progress.update(done, total);
                if (silent.get() && !clone.console().beats().isEmpty()) {
                  silent.set(false);
                  tell(clone, told);
                }
              });
      return Recording.profile(outcome);
    }
  }

  private static void tell(Subject.Returning clone, @Nullable String words) {
    try {
      clone.console().tell(Objects.requireNonNull(words));
    } catch (IOException gone) {
      throw new UncheckedIOException("the clone could not be told \"" + words + '"', gone);
    }
  }
}
