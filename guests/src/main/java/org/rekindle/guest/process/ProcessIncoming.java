package org.rekindle.guest.process;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.process.inside.Backing;
import org.rekindle.guest.process.store.Registers;
import org.rekindle.guest.uffd.UffdGuest;
import org.rekindle.guest.uffd.UffdIncoming;
import org.rekindle.image.Image;
import org.rekindle.restore.Outcome;

/**
 * A process that is to become a saved process guest: it has handed its memory over.
 *
 * <p>Closing this lets go of the memory; if it has not all come, close the process too.
 */
public final class ProcessIncoming implements AutoCloseable {
  /** The process has done its part when we begin to wait. */
  private static final Duration HAND_OVER = Duration.ofSeconds(5);

  /** A guest says that it runs as soon as it does, before it touches a page. */
  private static final Duration RUNNING = Duration.ofSeconds(30);

  private final ProcessGuest process;
  private final UffdIncoming incoming;
  private final boolean runs;

  private ProcessIncoming(ProcessGuest process, UffdIncoming incoming, boolean runs) {
    this.process = process;
    this.incoming = incoming;
    this.runs = runs;
    if (runs) {
      guest().onStart(this::tellToRun);
    }
  }

  /**
   * How it is brought back.
   *
   * @param backing what its memory shall be, whatever it was
   * @param runs whether the guest runs as soon as the plan lets it; if not, it waits for {@link
   *     ProcessGuest#run}
   * @param seed of the requests that come from then on; null: those that would have come
   */
  public record Settings(Backing backing, boolean runs, @Nullable Long seed) {
    public static final Settings DEFAULT = new Settings(Backing.MEMFD, true, null);
  }

  /**
   * Has a process map memory and hand it over.
   *
   * @param process just started, perhaps rehearsed; not closed by this object
   * @throws IllegalArgumentException if the image is not of a process guest
   */
  public static ProcessIncoming connect(ProcessGuest process, Image image, Settings settings)
      throws IOException {
    List<Registers> registers = registers(SavedProcess.of(image), settings.seed());
    Path socket = process.directory().resolve("hand-over");
    UffdIncoming incoming =
        UffdIncoming.accept(
            socket,
            () -> process.restore(socket, image.memory().bytes(), settings.backing(), registers),
            image.memory(),
            HAND_OVER);
    return new ProcessIncoming(process, incoming, settings.runs());
  }

  /**
   * Has a process map memory and hand it over to another handler, which serves the image's pages.
   * The guest runs as soon as it is told to ({@link ProcessGuest#run}).
   *
   * @param socket where that handler listens
   */
  public static void handOver(ProcessGuest process, Image image, Settings settings, Path socket)
      throws IOException {
    process.restore(
        socket,
        image.memory().bytes(),
        settings.backing(),
        registers(SavedProcess.of(image), settings.seed()));
  }

  private static List<Registers> registers(SavedProcess saved, @Nullable Long seed) {
    if (seed == null) {
      return saved.workers();
    }
    List<Registers> reseeded = new ArrayList<>();
    for (Registers worker : saved.workers()) {
      reseeded.add(worker.reseeded(seed + reseeded.size()));
    }
    return reseeded;
  }

  /** On the pager's thread, which does not wait for the answer. */
  private void tellToRun() {
    try {
      process.tellToRun();
    } catch (IOException gone) {
      // It has ended, which the pager hears as well.
    }
  }

  public UffdGuest guest() {
    return incoming.guest();
  }

  /** The outcome, with the time of the first instruction if the guest runs. */
  public Outcome settled(Outcome outcome) throws IOException {
    return runs && outcome.startedNs() >= 0
        ? outcome.withFirstInstructionNs(
            process.console().awaitLine("running", RUNNING).arrivalNs())
        : outcome;
  }

  @Override
  public void close() {
    incoming.close();
  }
}
