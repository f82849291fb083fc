package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.child.GuestConsole;
import org.rekindle.image.Image;
import org.rekindle.restore.Guest;
import org.rekindle.restore.Outcome;

/**
 * What an experiment is made with: a kind of guest that runs a workload, can be saved, and comes
 * back from its image as often as is wanted. Its heartbeat comes over a {@link GuestConsole},
 * whatever it is.
 */
public interface Subject {
  /** What it is, in a few words. */
  String description();

  int memoryMiB();

  /** Heartbeats of one pass over its working set. */
  int beatsPerPass();

  /** How many pages it touches in a pass, about. */
  int workingSetPages();

  /** What the method of a result should say of this kind of guest, a sentence each. */
  List<String> method();

  /** Starts it; returns as soon as its console answers. */
  Running start() throws IOException;

  /** Starts what an image is to be restored into, with a console that listens already. */
  Returning startForRestore(Purpose purpose) throws IOException;

  /**
   * Whether what {@link #startForRestore} starts would wait for the command to restore, as the
   * processes of a pool do; then its start is no part of the restore.
   */
  default boolean waitsForRestore() {
    return false;
  }

  /** Whether its identity says that all of its memory is as it was, not only which guest it is. */
  default boolean identityCoversMemory() {
    return true;
  }

  /** Who else saves and restores it here, such as "stock QEMU"; empty if there is nobody. */
  default List<String> rivals() throws IOException {
    return List.of();
  }

  /** Whether its memory can be handed over to another handler, as Firecracker's. */
  default boolean takesOtherHandlers() {
    return false;
  }

  /** What it is restored for. */
  enum Purpose {
    /** It runs. */
    RUN,
    /** It comes back but does not run before it is told to: for looking at its memory. */
    STAY_PAUSED,
    /** A throw-away clone, to be watched. */
    CLONE,
    /** A clone that does what the guest will do when it runs, where that is something else. */
    TRUTH
  }

  /** A subject at work. Closing ends it; so does the end of this JVM. */
  interface Running extends AutoCloseable {
    GuestConsole console();

    /** Waits until it works; what it says of itself. */
    String awaitReady() throws IOException;

    /** By what it is recognised when it comes back: it and the state of its memory. */
    String identity() throws IOException;

    /** Saves it, and ends it. */
    Saved save(Path image, Image.Progress progress) throws IOException;

    /**
     * Saves it as one of its {@linkplain Subject#rivals rivals} does, and lets it run on.
     *
     * @return how long that took
     */
    default Duration saveAsRival(String rival, Path file) throws IOException {
      throw new UnsupportedOperationException("it has no rival");
    }

    @Override
    void close() throws IOException;
  }

  /**
   * What a save did.
   *
   * @param elapsedNs how long it took
   * @param stopNs how long the guest stood still
   * @param imageBytes bytes of the image's files
   */
  record Saved(long elapsedNs, long stopNs, long imageBytes) {}

  /** A subject that comes back. Closing ends it; so does the end of this JVM. */
  interface Returning extends AutoCloseable {
    GuestConsole console();

    /** As {@link Running#identity}, once all of its memory is in. */
    String identity() throws IOException;

    /** Prepares it for the image; the guest is closed with this object. */
    Guest connect(Image image) throws IOException;

    /** The outcome of the restore, once it is known when the guest began to run. */
    Outcome settled(Outcome outcome) throws IOException;

    /** The end of a restore that failed, with what the VMM said last, if that is known. */
    default IOException explained(IOException end) {
      return end;
    }

    /**
     * Restores it as one of its {@linkplain Subject#rivals rivals} does.
     *
     * @return when it ran its first instruction, on the clock of {@link System#nanoTime}
     */
    default long restoreAsRival(String rival, Path file) throws IOException {
      throw new UnsupportedOperationException("it has no rival");
    }

    /**
     * Has its memory handed over to another handler of page faults, and runs.
     *
     * @param image what it is restored from, but for its memory
     * @param socket where the handler listens
     * @return when it ran its first instruction, on the clock of {@link System#nanoTime}
     */
    default long restoreByHandler(Image image, Path socket) throws IOException {
      throw new UnsupportedOperationException("its memory is not handed over");
    }

    /** The process whose memory it is. */
    long pid();

    /** How many virtual CPUs its faults tell apart; 0 if they do not. */
    default int vcpus() {
      return 0;
    }

    /** The version of its VMM, where it has one. */
    default @Nullable String vmmVersion() {
      return null;
    }

    /** How long virtual CPUs were blocked by its VMM's own count, where that counts. */
    default @Nullable Double blockedMs() throws IOException {
      return null;
    }

    @Override
    void close() throws IOException;
  }
}
