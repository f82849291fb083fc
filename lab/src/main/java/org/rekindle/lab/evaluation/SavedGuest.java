package org.rekindle.lab.evaluation;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.DataFormatException;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.qemu.QemuSave;
import org.rekindle.image.Image;
import org.rekindle.json.Json;
import org.rekindle.lab.CloneRecording;
import org.rekindle.lab.GuestKit;
import org.rekindle.lab.HeartbeatWatch;
import org.rekindle.lab.Narrator;
import org.rekindle.lab.RunningMachine;
import org.rekindle.lab.SavedSubject;
import org.rekindle.lab.Subject;
import org.rekindle.responsiveness.SteadyState;
import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.ProfileFile;
import org.rekindle.workingset.Ranking;
import org.rekindle.workingset.Sweeps;
import org.rekindle.workingset.policy.Ageing;

/*
 * What is kept of a guest, in a folder of its own:
 *
 *   guest.rekindle     the image
 *   saved.json         by what it is recognised, and its heartbeat
 *   trace.profile      what a clone touched first: what VEE'11 gets by tracing a lazy save, for a
 *                      checkpoint re-executes from the instant at which it was taken
 *   truth.profile      the same of another clone
 *   other.profile      the same of a clone that was given other input, where there is any
 *   interval-K.profile the lookback
 *
 * The lookback is what happened before the save: a chain of checkpoints, so much of the guest's time
 * apart; a clone of each is recorded until that time is over. That is a trace of the first
 * touch of each page in each interval, and, its order forgotten, what sweeps over the access bits at
 * the ends of these intervals would have found. The clone goes the way that the guest went as far as the
 * guest's own clock and input allow; they are not replayed, so it is a near relation.
 */

/**
 * A guest that was saved once in its steady state.
 *
 * @param saved what a measured run has to know; the profile that is attached to its image is
 *     whatever was used last
 * @param trace what a clone touched
 * @param otherInput what a clone touched that went on with other input
 * @param lookback its touches before the save
 * @param intervalNs how far the checkpoints of the lookback are apart
 */
record SavedGuest(
    SavedSubject saved,
    Profile trace,
    Optional<Profile> otherInput,
    AccessTrace lookback,
    long intervalNs) {

  /** Takes it from its folder, or makes it. */
  static SavedGuest of(EvaluatedGuest guest, Path folder, Narrator narrator) throws IOException {
    Path kept = folder.resolve(guest.key() + "-" + guest.version());
    if (!Files.exists(kept)) {
      Path part = folder.resolve(guest.key() + ".part");
      GuestKit.delete(part);
      Files.createDirectories(part);
      new Making(guest, part, narrator).make();
      Files.move(part, kept, StandardCopyOption.ATOMIC_MOVE);
    }
    return read(guest, kept);
  }

  private static SavedGuest read(EvaluatedGuest guest, Path folder) throws IOException {
    Map<String, @Nullable Object> json =
        Json.parseObject(Files.readString(folder.resolve("saved.json")));
    Path image = folder.resolve("guest.rekindle");
    int pages;
    try (Image open = Image.open(image)) {
      pages = open.memory().pages();
    }
    long intervalNs = (long) number(json, "intervalNs");
    int intervals = (int) number(json, "intervals");
    AccessTrace.Builder lookback = AccessTrace.of(pages);
    for (int k = 0; k < intervals; k++) {
      Profile interval = profile(folder.resolve("interval-" + k + ".profile"), pages);
      for (int rank = 0; rank < interval.size() && interval.touchNs(rank) <= intervalNs; rank++) {
        lookback.touch(
            interval.page(rank), k * intervalNs + interval.touchNs(rank), interval.access(rank));
      }
    }
    return new SavedGuest(
        new SavedSubject(
            guest.machine(),
            image,
            Map.of(),
            String.valueOf(json.get("identity")),
            new SteadyState(
                number(json, "beatsPerSecond"),
                number(json, "deviation"),
                (long) number(json, "windowNs")),
            profile(folder.resolve("truth.profile"), pages)),
        profile(folder.resolve("trace.profile"), pages),
        guest.otherInput().isPresent()
            ? Optional.of(profile(folder.resolve("other.profile"), pages))
            : Optional.empty(),
        lookback.savedAt(intervals * intervalNs),
        intervalNs);
  }

  private static double number(Map<String, @Nullable Object> json, String name) throws IOException {
    if (json.get(name) instanceof Number number) {
      return number.doubleValue();
    }
    throw new IOException("saved.json has no number " + name);
  }

  private static Profile profile(Path file, int guestPages) throws IOException {
    try {
      return ProfileFile.decode(Files.readAllBytes(file), guestPages);
    } catch (DataFormatException damaged) {
      throw new IOException(file + ": " + damaged.getMessage(), damaged);
    }
  }

  Path image() {
    return saved.image();
  }

  /** What sweeps at the ends of the lookback's intervals would have found. */
  Sweeps sweeps() {
    return lookback.sweeps(intervalNs);
  }

  /**
   * The working set by the paper's access-bit estimator, whose sweep lasts as long as a restore:
   * what was touched in all of the lookback.
   */
  Profile accessBits() {
    Ranking ranking = Ageing.oneBit(lookback.endNs()).rank(lookback);
    return ranking.profile(ranking.setSize(), "access bits");
  }

  /** Makes one. */
  private record Making(EvaluatedGuest guest, Path folder, Narrator narrator) {
    void make() throws IOException {
      EvaluatedGuest.Steps steps = guest.steps();
      List<Path> checkpoints = new ArrayList<>();
      Path image = folder.resolve("guest.rekindle");
      narrator.say(guest.title() + ": booting ...");
      try (RunningMachine running = guest.machine().start()) {
        narrator.say("  " + running.awaitReady());
        SteadyState steady =
            HeartbeatWatch.steadyState(running.console(), guest.machine().beatsPerPass());
        narrator.say(
            "  %.1f heartbeats/s, standard deviation %.1f"
                .formatted(steady.beatsPerSecond(), steady.deviation()));
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("identity", running.identity());
        json.put("beatsPerSecond", steady.beatsPerSecond());
        json.put("deviation", steady.deviation());
        json.put("windowNs", steady.windowNs());
        json.put("intervalNs", steps.intervalNs());
        json.put("intervals", steps.intervals());
        Files.writeString(folder.resolve("saved.json"), Json.pretty(json));
        for (int k = 0; k < steps.intervals(); k++) {
          Path checkpoint = folder.resolve("checkpoint-" + k);
          running.save(checkpoint, QemuSave.Then.RESUME, this::saving);
          checkpoints.add(checkpoint);
          HeartbeatWatch.letRun(running.console(), steps.intervalNs());
        }
        Subject.Saved result = running.save(image, this::saving);
        narrator.say("  saved: %d MiB".formatted(result.imageBytes() >> 20));
      }
      for (int k = 0; k < checkpoints.size(); k++) {
        // Twice as long by the clock as the interval is in the guest's time: it waits for each
        // page.
        record(checkpoints.get(k), "interval-" + k, 2 * steps.intervalNs(), null);
        GuestKit.delete(checkpoints.get(k));
      }
      record(image, "trace", steps.recordingNs(), null);
      record(image, "truth", steps.recordingNs(), null);
      if (guest.otherInput().isPresent()) {
        record(image, "other", steps.recordingNs(), guest.otherInput().get());
      }
    }

    private void record(Path image, String name, long runningNs, @Nullable String told)
        throws IOException {
      Profile profile =
          CloneRecording.record(
              guest.machine(),
              image,
              Subject.Purpose.CLONE,
              runningNs,
              told,
              (done, _) -> narrator.progress("Recording", done, 0));
      narrator.say("  recorded (%s): %,d pages".formatted(name, profile.size()));
      Files.write(folder.resolve(name + ".profile"), ProfileFile.encode(profile));
    }

    private void saving(long done, long total) {
      narrator.progress("Saving", done, total);
    }
  }
}
