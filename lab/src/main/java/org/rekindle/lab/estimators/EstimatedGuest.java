package org.rekindle.lab.estimators;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.child.GuestConsole;
import org.rekindle.lab.Subject;
import org.rekindle.scan.AccessObserver;
import org.rekindle.scan.ScannedMemory;
import org.rekindle.workingset.Profile;

/** A kind of guest on which estimators are tried: how it is watched, and how it is cloned. */
interface EstimatedGuest {
  String title();

  int memoryMiB();

  /** What it may do after its save, each of which tells other truths. */
  List<Clone> truths();

  /** A clone to be recorded: the next user of the image, as little foreseen as can be. */
  Clone recorded(int number);

  Running start() throws IOException;

  /** A clone of a saved guest, and what it does. */
  record Clone(String does, Subject subject, Subject.Purpose purpose) {}

  /** A way to scan it while it runs. */
  record Scanner(String title, Opening opening) {}

  /** Begins to observe; closing ends that. */
  interface Opening {
    AccessObserver open() throws IOException;
  }

  /**
   * What came of a save of a guest that ran on.
   *
   * @param title what it saw, and how
   * @param touched what it saw
   * @param moreFaults faults that seeing reads has added to those that seeing writes takes anyway,
   *     as a share of these; null if it sees no reads
   */
  record LiveSave(String title, Profile touched, @Nullable Double moreFaults) {}

  /** One at work. */
  interface Running extends AutoCloseable {
    GuestConsole console();

    ScannedMemory memory() throws IOException;

    List<Scanner> scanners();

    /** Saves it while it runs, as long as the paper's restore would take. */
    LiveSave saveLive(Path image) throws IOException;

    @Override
    void close() throws IOException;
  }
}
