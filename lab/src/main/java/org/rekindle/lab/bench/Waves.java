package org.rekindle.lab.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rekindle.json.Json;
import org.rekindle.lab.DiskThrottle;
import org.rekindle.lab.Narrator;
import org.rekindle.lab.SavedSubject;
import org.rekindle.lab.WholeFile;

/** Waves of 1, 4 and 16 restores at once, in turns; kept as they come, in {@code waves.json}. */
final class Waves {
  private static final List<Integer> GUESTS = List.of(1, 4, 16);

  private static final long PREPARATION_S = 30;

  /**
   * Starting the processes takes a second each, restoring from the disk a few, checking as well.
   */
  private static final long SECONDS_PER_GUEST = 3;

  private final Bench.Settings settings;
  private final BenchGuest guest;
  private final Path folder;
  private final Narrator narrator;
  private final List<StorageCondition> storages;

  /**
   * @param folder for the results and, while it is wanted, the saved guest
   */
  Waves(Bench.Settings settings, BenchGuest guest, Path folder, Narrator narrator) {
    this.settings = settings;
    this.guest = guest;
    this.folder = folder;
    this.narrator = narrator;
    this.storages =
        settings.storages().stream()
            .filter(each -> each.isOnDevice() && each.firstByteNs() == 0)
            .toList();
  }

  private record Turn(StorageCondition storage, int round, int guests) {}

  private List<Turn> missing(List<Wave> done) {
    List<Turn> missing = new ArrayList<>();
    for (StorageCondition storage : storages) {
      for (int round = 1; round <= settings.rounds(); round++) {
        for (int guests : GUESTS) {
          Turn turn = new Turn(storage, round, guests);
          if (done.stream()
              .noneMatch(wave ->
                  wave.storage().equals(turn.storage().label())
                      && wave.round() == turn.round()
                      && wave.guests() == turn.guests())) {
            missing.add(turn);
          }
        }
      }
    }
    return missing;
  }

  Duration remaining() throws IOException {
    List<Turn> missing = missing(done());
    long seconds = missing.stream().mapToLong(turn -> SECONDS_PER_GUEST * turn.guests() + 5).sum();
    return Duration.ofSeconds(seconds == 0 ? 0 : PREPARATION_S + seconds);
  }

  /** Makes those that are missing; all. */
  List<Wave> run() throws IOException {
    List<Wave> waves = new ArrayList<>(done());
    List<Turn> missing = missing(waves);
    if (missing.isEmpty()) {
      return waves;
    }
    GuestFiles files = new GuestFiles(folder);
    SavedSubject saved = files.saved(guest.subject(), narrator);
    for (Turn turn : missing) {
      narrator.say(
          "%s, round %d: %d at once ..."
              .formatted(turn.storage().label(), turn.round(), turn.guests()));
      Wave wave = restore(saved, turn);
      narrator.say(
          "  all in after %.1f s, %.0f MB/s to all of them, %d of %d identical"
              .formatted(
                  wave.allInMs() / 1e3,
                  wave.placedBytesPerSecond() / 1e6,
                  wave.identical(),
                  wave.guests()));
      waves.add(wave);
      write(waves);
    }
    files.removeSaved();
    return waves;
  }

  private Wave restore(SavedSubject saved, Turn turn) throws IOException {
    Crowd crowd = new Crowd(saved, turn.storage(), guest.options());
    return switch (DiskThrottle.apply(saved.image(), turn.storage().limits())) {
      case DiskThrottle.Outcome.Throttled(DiskThrottle group) -> {
        try (group) {
          yield crowd.restore(turn.guests(), turn.round(), group);
        }
      }
      case DiskThrottle.Outcome.Unthrottled(String reason) -> {
        narrator.say("the disk is NOT slowed down, so results vary with it: " + reason);
        yield crowd.restore(turn.guests(), turn.round(), null);
      }
    };
  }

  private Path file() {
    return folder.resolve("waves.json");
  }

  private List<Wave> done() throws IOException {
    List<Wave> waves = new ArrayList<>();
    try {
      if (Json.parseObject(Files.readString(file())).get("waves") instanceof List<?> list) {
        for (Object each : list) {
          waves.add(Wave.fromMap((Map<?, ?>) each));
        }
      }
    } catch (NoSuchFileException none) {
      // the first run
    }
    return waves;
  }

  private void write(List<Wave> waves) throws IOException {
    Map<String, @Nullable Object> document = new LinkedHashMap<>();
    document.put("waves", waves.stream().map(Wave::toMap).toList());
    String text = Json.pretty(document);
    WholeFile.write(file(), out -> out.write(text));
  }
}
