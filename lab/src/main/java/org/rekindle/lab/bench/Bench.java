package org.rekindle.lab.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.rekindle.lab.Narrator;
import org.rekindle.restore.Strategy;

/**
 * Everyone on the same work in one run: each guest is saved once, and restored by each competitor,
 * from each storage, so many times, in turns.
 *
 * <p>Whatever was measured is kept at once; a second run over the same folder goes on where the
 * first one was interrupted, or adds rounds.
 */
public final class Bench {
  /**
   * What to compare.
   *
   * @param out where everything goes
   * @param rounds how often each competitor restores each guest from each storage
   * @param thorough whether wrong profiles take part, guests grow, and many come back at once
   * @param only beginnings of the names of those who take part, and then nothing else is measured;
   *     empty: all
   * @param rekindleVersion for the results
   */
  public record Settings(
      Path out,
      List<BenchGuest> guests,
      List<StorageCondition> storages,
      int rounds,
      boolean thorough,
      List<String> only,
      String rekindleVersion) {
    public Settings {
      guests = List.copyOf(guests);
      storages = List.copyOf(storages);
      only = List.copyOf(only);
    }

    /** Whether guests grow and many come back at once. */
    private boolean coversMore() {
      return thorough && only.isEmpty();
    }

    /** The same on one storage, if it is among them. */
    private Settings on(StorageCondition storage) {
      return new Settings(
          out,
          guests,
          storages.contains(storage) ? List.of(storage) : List.of(),
          rounds,
          thorough,
          only,
          rekindleVersion);
    }
  }

  private final Settings settings;
  private final Narrator narrator;

  public Bench(Settings settings, Narrator narrator) {
    this.settings = settings;
    this.narrator = narrator;
  }

  /** Runs what is not there yet; all that was found. */
  public BenchFindings run() throws IOException {
    Path out = Files.createDirectories(settings.out()).toRealPath();
    List<Contest> main = new ArrayList<>();
    for (BenchGuest guest : settings.guests()) {
      main.add(contest(settings, guest, competitors(guest), out));
    }
    List<Contest> growth = new ArrayList<>();
    List<Waves> waves = new ArrayList<>();
    if (settings.coversMore()) {
      Settings disk = settings.on(StorageCondition.DISK);
      for (BenchGuest guest : BenchGuest.growth()) {
        growth.add(
            contest(
                disk, guest, List.of(Competitor.ours(Strategy.ADAPTIVE, guest.options())), out));
      }
      waves.add(new Waves(settings, BenchGuest.process(), out.resolve("waves"), narrator));
    }
    sayHowLong(main, growth, waves);
    List<Wave> waved = new ArrayList<>();
    List<Comparison> compared = compare(main);
    for (Waves each : waves) {
      waved.addAll(each.run());
    }
    return new BenchFindings(compared, compare(growth), waved);
  }

  private List<Competitor> competitors(BenchGuest guest) throws IOException {
    List<Competitor> all = new ArrayList<>(Competitor.all(guest.subject(), guest.options()));
    if (settings.thorough()) {
      all.addAll(Competitor.robustness(guest.options()));
    }
    List<Competitor> some = Competitor.named(all, settings.only());
    if (some.isEmpty()) {
      throw new IOException(
          "nobody who restores %s is called %s; there are: %s"
              .formatted(
                  guest.name(),
                  String.join(" or ", settings.only()),
                  all.stream().map(Competitor::name).collect(Collectors.joining("; "))));
    }
    return some;
  }

  private Contest contest(
      Settings these, BenchGuest guest, List<Competitor> competitors, Path out) {
    return new Contest(these, guest, competitors, out.resolve(guest.name()), narrator);
  }

  private void sayHowLong(List<Contest> main, List<Contest> growth, List<Waves> waves)
      throws IOException {
    Duration all = Duration.ZERO;
    for (Contest each : main) {
      all = all.plus(each.remaining());
    }
    for (Contest each : growth) {
      all = all.plus(each.remaining());
    }
    for (Waves each : waves) {
      all = all.plus(each.remaining());
    }
    narrator.say(
        all.isZero()
            ? "everything was measured before; add rounds, or choose another folder"
            : "this will take about %d min; interrupt it at any time, and it goes on where it was"
                .formatted(Math.max(1, all.toMinutes())));
  }

  private static List<Comparison> compare(List<Contest> contests) throws IOException {
    List<Comparison> comparisons = new ArrayList<>();
    for (Contest each : contests) {
      comparisons.addAll(each.run());
    }
    return comparisons;
  }
}
