package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import org.rekindle.image.Image;
import org.rekindle.responsiveness.SteadyState;
import org.rekindle.workingset.Profile;

/**
 * Makes a subject ready to be restored as often as is wanted: boots it, watches its steady state,
 * saves it as its rivals and as Rekindle do, records its working set, and once more for the truth.
 */
public final class Preparation {
  private static final Duration MONITOR = Duration.ofSeconds(30);

  /**
   * What each fault, one at a time and from a warm cache, adds to the time of a pass: 120 us here,
   * with QEMU; and as much again.
   */
  private static final long FAULT_NS = 240_000;

  private final Subject subject;
  private final Narrator narrator;

  public Preparation(Subject subject, Narrator narrator) {
    this.subject = subject;
    this.narrator = narrator;
  }

  /**
   * Does it.
   *
   * @param directory where the image and the files of rivals go
   */
  public SavedSubject saveIn(Path directory) throws IOException {
    Path image = directory.resolve("guest.rekindle");
    Map<String, Path> rivals = new LinkedHashMap<>();
    for (String rival : subject.rivals()) {
      rivals.put(rival, directory.resolve("guest." + fileName(rival)));
    }
    narrator.say("booting the guest: " + subject.description() + " ...");
    String identity;
    SteadyState steadyState;
    try (Subject.Running running = subject.start()) {
      narrator.say("  " + running.awaitReady());
      identity = running.identity();
      narrator.say("waiting for its steady state: one pass over the working set, then 5 s ...");
      steadyState = HeartbeatWatch.steadyState(running.console(), subject.beatsPerPass());
      narrator.say(
          "  %.1f heartbeats/s, standard deviation %.1f"
              .formatted(steadyState.beatsPerSecond(), steadyState.deviation()));
      for (Map.Entry<String, Path> rival : rivals.entrySet()) {
        saveAsRival(rival.getKey(), running, rival.getValue());
      }
      save(running, image);
    }
    narrator.say("recording which pages it touches, in a throw-away clone ...");
    long recordingNs = recordingNs(steadyState);
    Profile profile = record(image, Subject.Purpose.CLONE, recordingNs);
    narrator.say(
        "  %,d pages (%d MiB); recording once more, as independent truth ..."
            .formatted(profile.size(), profile.size() >> 8));
    Image.attach(image, profile);
    Profile truth = record(image, Subject.Purpose.TRUTH, recordingNs);
    return new SavedSubject(subject, image, rivals, identity, steadyState, truth);
  }

  /** A name of something as a part of a file's name. */
  public static String fileName(String name) {
    return name.toLowerCase(java.util.Locale.ROOT).replaceAll("[^a-z0-9.]+", "-");
  }

  private void saveAsRival(String rival, Subject.Running running, Path file) throws IOException {
    narrator.say("saving it as " + rival + " does ...");
    Duration elapsed = running.saveAsRival(rival, file);
    narrator.say("  %.1f s, %d MiB".formatted(elapsed.toMillis() / 1e3, Files.size(file) >> 20));
    // Back to what it was before it is saved again.
    running.console().awaitBeats(running.console().beats().size() + 1, MONITOR);
  }

  private void save(Subject.Running running, Path image) throws IOException {
    narrator.say("saving it as a Rekindle image ...");
    Subject.Saved result =
        running.save(image, (done, total) -> narrator.progress("Saving", done, total));
    narrator.say(
        "  %.1f s, %d MiB; the guest stood still for %.1f s"
            .formatted(result.elapsedNs() / 1e9, result.imageBytes() >> 20, result.stopNs() / 1e9));
  }

  /** One pass over the working set and a half, so that each of its pages is touched. */
  private long recordingNs(SteadyState steadyState) {
    return FAULT_NS * subject.workingSetPages()
        + Math.round(1.5e9 * subject.beatsPerPass() / steadyState.beatsPerSecond());
  }

  private Profile record(Path directory, Subject.Purpose purpose, long recordingNs)
      throws IOException {
    return CloneRecording.record(
        subject,
        directory,
        purpose,
        recordingNs,
        (done, _) -> narrator.progress("Recording", done, 0));
  }
}
